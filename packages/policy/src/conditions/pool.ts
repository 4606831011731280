import { GroupIndex } from '../groups.ts';
import type { Place } from '../read.ts';
import { RegexBudget } from '../regex-budget.ts';
import type { Condition, ConditionContext, RuleKind } from './condition.ts';
import { type ConditionField, conditionKinds } from './index.ts';

/**
 * Makes the conditions of one policy set. The same words give the same condition, whatever rule
 * they stand in: a large set repeats itself, and what is small stays in the processor's caches.
 */
export class ConditionPool implements ConditionContext {
  readonly groups: GroupIndex = new GroupIndex();
  readonly headerNames: Set<string> = new Set();
  readonly regexes: RegexBudget = new RegexBudget();
  readonly services: ReadonlySet<string>;
  readonly #made = new Map<string, Condition>();

  /** Wants the names of the set's service identities. */
  constructor(services: ReadonlySet<string>) {
    this.services = services;
  }

  /** The condition for what stands in a field; null, and problems, where it is not valid. */
  make(field: ConditionField, value: unknown, place: Place, rule: RuleKind): Condition | null {
    const kind = conditionKinds[field];
    const holder = kind.byRuleKind === true ? `${field} ${rule}` : field;
    if (isText(value)) {
      const known = this.#made.get(wordsOf(holder, value));
      if (known !== undefined) return known;
    }
    const condition = kind.compile(value, place, this, rule);
    if (condition === null) return null;
    // Read without a problem, so it is plain enough for JSON to tell it from all others.
    const words = wordsOf(holder, value);
    const known = this.#made.get(words) ?? condition;
    this.#made.set(words, known);
    return known;
  }
}

function wordsOf(holder: string, value: unknown): string {
  return JSON.stringify([holder, value]);
}

/** Text, or a list of nothing else: what has no other reading, and so need not be read again. */
function isText(value: unknown): boolean {
  if (!Array.isArray(value)) return typeof value === 'string';
  const list: readonly unknown[] = value;
  for (let at = 0; at < list.length; at += 1) if (typeof list[at] !== 'string') return false;
  return true;
}
