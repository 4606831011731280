import { type Place, readEntries, readNumber } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

/** `asns`: the source address belongs to one of these autonomous systems. */
export const asns: ConditionKind = {
  compile(value, place) {
    const entries = readEntries(value, place, readAsn);
    if (entries === null) return null;
    const wanted = new Set(entries);
    return {
      field: 'asns',
      holds: ({ facts }) => {
        const found = facts.place?.asn ?? null;
        return found === null ? 'unknown' : truthOf(wanted.has(found));
      },
      reason: () => 'place_other',
      fact: () => 'place.asn',
    };
  },
};

function readAsn(value: unknown, place: Place): number | null {
  return readNumber(value, place, 1, 4_294_967_295);
}
