import { GroupIndex } from '../groups.ts';
import type { RuleConditions } from '../model.ts';
import type { Place } from '../read.ts';
import type { Condition } from './condition.ts';
import { conditionKinds } from './index.ts';

/**
 * Makes the conditions of one policy set. The same words give the same condition, whatever rule
 * they stand in: a large set repeats itself, and what is small stays in the processor's caches.
 */
export class ConditionPool {
  readonly groups: GroupIndex = new GroupIndex();
  readonly #made = new Map<string, Condition>();

  /** The condition for what stands in a field; null, and problems, where it is not valid. */
  make(field: keyof RuleConditions, value: unknown, place: Place): Condition | null {
    const condition = conditionKinds[field].compile(value, place, this.groups);
    if (condition === null) return null;
    // Read without a problem, so it is plain enough for JSON to tell it from all others.
    const words = JSON.stringify([field, value]);
    const known = this.#made.get(words) ?? condition;
    this.#made.set(words, known);
    return known;
  }
}
