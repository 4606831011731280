import type { GroupIndex } from '../groups.ts';
import type { Place } from '../read.ts';
import type { ReasonCode } from '../reasons.ts';
import type { Truth } from '../truth.ts';
import type { View } from '../view.ts';

/** One condition of one rule, compiled. */
export interface Condition {
  /** The field of the rule that it was written in. */
  readonly field: string;
  readonly holds: (view: View) => Truth;
  /** Why it is false, where that would help the person to know. */
  readonly reason?: (view: View) => ReasonCode | null;
  /** Name of the fact without which it is unknown. */
  readonly fact?: string;
}

/** A kind of condition: how what stands in the field of a rule becomes a condition. */
export interface ConditionKind {
  /** Reads the value; null, and a problem at `place`, where it is not valid. */
  readonly compile: (value: unknown, place: Place, groups: GroupIndex) => Condition | null;
  /** Whether it speaks about the signed-in user, and so makes no sense in an anonymous rule. */
  readonly aboutUser?: (value: unknown) => boolean;
}
