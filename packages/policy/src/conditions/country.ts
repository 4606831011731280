import { complain, type Place, readEntries } from '../read.ts';
import { truthOf } from '../truth.ts';
import type { ConditionKind } from './condition.ts';

/** `countries`: the source address is in one of these. Unknown where its country is. */
export const countries: ConditionKind = {
  compile(value, place) {
    const entries = readEntries(value, place, readCountry);
    if (entries === null) return null;
    const wanted = new Set(entries);
    return {
      field: 'countries',
      holds: ({ facts }) => {
        const found = facts.place?.country ?? null;
        return found === null ? 'unknown' : truthOf(wanted.has(found));
      },
      reason: () => 'place_other',
      fact: () => 'place.country',
    };
  },
};

function readCountry(value: unknown, place: Place): string | null {
  if (typeof value === 'string' && /^[A-Z]{2}$/.test(value)) return value;
  return complain(place, 'must be an ISO 3166 country code of two upper-case letters');
}
