import { describe, expect, it } from 'vitest';
import { asnOf, assumedAccuracyKm, cityFacts } from './record.ts';

const at = { latitude: 48.1, longitude: 11.6 };

describe('what is taken from a record', () => {
  it('is the same from both forms', () => {
    const nested = {
      city: { names: { de: 'München', en: 'Munich' } },
      country: { iso_code: 'DE' },
      subdivisions: [{ names: { en: 'Bavaria' } }],
      location: at,
    };
    const flat = { city: 'Munich', country_code: 'DE', state1: 'Bavaria', state2: '', ...at };
    const facts = {
      country: 'DE',
      region: 'Bavaria',
      coordinates: { ...at, accuracyKm: assumedAccuracyKm.city },
    };
    expect(cityFacts(nested)).toEqual(facts);
    expect(cityFacts(flat)).toEqual(facts);
  });

  it('has the accuracy that the file tells, or one that fits what the coordinates are of', () => {
    const accuracy = (record: object) => cityFacts(record).coordinates?.accuracyKm;
    expect(accuracy({ location: { ...at, accuracy_radius: 5 } })).toBe(5);
    expect(accuracy({ location: { ...at, accuracy_radius: 0 } })).toBe(assumedAccuracyKm.country);
    expect(accuracy({ ...at, country_code: 'DE' })).toBe(assumedAccuracyKm.country);
    expect(accuracy({ ...at, state1: 'Bavaria' })).toBe(assumedAccuracyKm.region);
    expect(accuracy({ ...at, state1: 'Bavaria', city: 'Munich' })).toBe(assumedAccuracyKm.city);
  });

  it.each<[string, unknown]>([
    ['is no map', 7],
    ['is nothing', null],
    ['has a country in lower case', { country_code: 'de' }],
    ['has the country that stands for none', { country_code: 'ZZ' }],
    ['has a country of another type', { country: { iso_code: ['DE'] } }],
    ['has a region that would break a line', { state1: 'Bav\naria' }],
    ['has a region that turns what follows around', { state1: 'Bav\u202earia' }],
    ['has a region without end', { state1: 'x'.repeat(101) }],
    ['has coordinates beyond the pole', { latitude: 91, longitude: 0 }],
    ['has coordinates that are no numbers', { latitude: Number.NaN, longitude: 1 }],
    ['has one coordinate', { latitude: 48.1 }],
    ['has coordinates where nothing is', { latitude: 0, longitude: 0 }],
    ['has subdivisions that are none', { subdivisions: [null] }],
  ])('is nothing where it %s', (_title, record) => {
    expect(cityFacts(record)).toEqual({ country: null, region: null, coordinates: null });
  });

  it('is a number of an autonomous system, or none', () => {
    expect(asnOf({ autonomous_system_number: 4_200_000_000 })).toBe(4_200_000_000);
    for (const asn of [0, -1, 1.5, 2 ** 32, '3320', 3320n, null]) {
      expect(asnOf({ autonomous_system_number: asn })).toBe(null);
    }
    expect(asnOf(undefined)).toBe(null);
  });
});
