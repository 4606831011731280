import { type Place, readEntries, readText } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

/** `groups`: the signed-in user is in one of these. Names are compared as they are. */
export const groups: ConditionKind = {
  compile(value, place, { groups: index }) {
    const names = readEntries(value, place, readGroup);
    if (names === null) return null;
    const numbers = names.map((name) => index.numberOf(name));
    return {
      field: 'groups',
      steps: Math.ceil(numbers.length / 8),
      holds: (view) => (view.user === null ? 'pending' : truthOf(view.isInGroup(numbers))),
      reason: () => 'group_missing',
      aboutUser: true,
      sure: true,
      keys: { by: 'group', values: numbers },
    };
  },
};

function readGroup(value: unknown, place: Place): string | null {
  return readText(value, place, 256);
}
