import type { GroupIndex } from '../groups.ts';
import type { PathPattern } from '../pattern.ts';
import type { Place } from '../read.ts';
import type { ReasonCode } from '../reasons.ts';
import type { RegexBudget } from '../regex-budget.ts';
import type { Truth } from '../truth.ts';
import type { View } from '../view.ts';

export type RuleKind = 'allow' | 'deny' | 'stepUp';

/** One condition of one rule, compiled. */
export interface Condition {
  /** The field of the rule that it was written in; `<name>.<field>` for one of a named condition. */
  readonly field: string;
  readonly holds: (view: View) => Truth;
  /**
   * The first instant after now at which time alone could change it, milliseconds;
   * Number.MAX_SAFE_INTEGER: never. It may be told too early, never too late. Left out: time never
   * changes it.
   */
  readonly changesAtMs?: (view: View) => number;
  /** Why it is false, where that would help the person to know. */
  readonly reason?: (view: View) => ReasonCode | null;
  /** Name of the fact without which it is unknown; left out: the field. */
  readonly fact?: (view: View) => string;
  /** Whether it speaks about the signed-in user or the session. */
  readonly aboutUser?: boolean;
  /** Whether it is never unknown while nobody is signed in. Left out: it may be. */
  readonly sure?: boolean;
  /**
   * Steps of some tens of nanoseconds that asking it may take at the most, whatever the request.
   * Left out: so few that they need no counting.
   */
  readonly steps?: number;
  /** What an index may look it up by: it is false for all else, and pending without a user. */
  readonly keys?: ConditionKeys;
}

export type ConditionKeys =
  /** User ids, and e-mail addresses as `foldEmail` (user.ts) makes them. */
  | { readonly by: 'user'; readonly values: readonly string[] }
  /** Numbers of groups (groups.ts). */
  | { readonly by: 'group'; readonly values: readonly number[] }
  /** Names of service identities. */
  | { readonly by: 'service'; readonly values: readonly string[] }
  | { readonly by: 'path'; readonly values: readonly PathPattern[] };

/** What the conditions of one policy set share while they are compiled. */
export interface ConditionContext {
  readonly groups: GroupIndex;
  /** Names of the set's service identities. */
  readonly services: ReadonlySet<string>;
  /** Lower-case names of headers that conditions look at; a condition adds what it needs. */
  readonly headerNames: Set<string>;
  /** What its regular expressions may take together. */
  readonly regexes: RegexBudget;
}

/** A kind of condition: how what stands in the field of a rule becomes a condition. */
export interface ConditionKind {
  /** Reads the value; null, and a problem at `place`, where it is not valid. */
  readonly compile: (
    value: unknown,
    place: Place,
    context: ConditionContext,
    rule: RuleKind,
  ) => Condition | null;
  /** Whether the same words mean different things in rules of different kinds. */
  readonly byRuleKind?: boolean;
}
