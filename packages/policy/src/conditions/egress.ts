import { readEntries, readName } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

/**
 * `egress`: the source address is of one of these known ways out. Unknown where it cannot be told
 * whether it is of any.
 */
export const egress: ConditionKind = {
  compile(value, place) {
    const entries = readEntries(value, place, readName);
    if (entries === null) return null;
    const wanted = new Set(entries);
    return {
      field: 'egress',
      holds: ({ facts }) => {
        const found = facts.place?.egress ?? null;
        return found === null ? 'unknown' : truthOf(wanted.has(found));
      },
      reason: () => 'place_other',
      fact: () => 'place.egress',
    };
  },
};
