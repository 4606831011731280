import type { Coordinates } from '@sallyport/shared/signals/place';

/**
 * What is taken from the records of files: in MaxMind's own form (DB-IP's is the same), and in the
 * flat one of `@ip-location-db`. A value that cannot be is not known.
 */

export interface CityFacts {
  readonly country: string | null;
  readonly region: string | null;
  readonly coordinates: Coordinates | null;
}

/** Keys that records of each kind have at the top, one of them at the least. */
export const topKeys = {
  city: ['country', 'country_code', 'location', 'latitude'],
  asn: ['autonomous_system_number'],
} as const;

/**
 * How far off a place may be where its file says nothing of it, km: coordinates are those of the
 * city, of the middle of the region or of the middle of the country.
 */
export const assumedAccuracyKm = { city: 50, region: 200, country: 1_000 } as const;

const accuracyKmMax = 10_000;
const regionLengthMax = 100;

export function cityFacts(record: unknown): CityFacts {
  const fields = fieldsOf(record);
  const { city, country, country_code, location, state1, subdivisions } = fields;
  const region = regionOf(state1) ?? regionOf(englishName(listOf(subdivisions)[0]));
  const { latitude, longitude, accuracy_radius } =
    location === undefined ? fields : fieldsOf(location);
  const assumedKm = assumedAccuracyKm[levelOf(city, region)];
  return {
    country: countryOf(country_code) ?? countryOf(fieldsOf(country)['iso_code']),
    region,
    coordinates: coordinatesOf(latitude, longitude, accuracy_radius, assumedKm),
  };
}

/** The number of the autonomous system; null: not known. */
export function asnOf(record: unknown): number | null {
  const asn = fieldsOf(record)['autonomous_system_number'];
  const good = typeof asn === 'number' && Number.isInteger(asn) && asn >= 1 && asn <= 0xffff_ffff;
  return good ? asn : null;
}

function coordinatesOf(
  latitude: unknown,
  longitude: unknown,
  radius: unknown,
  assumedKm: number,
): Coordinates | null {
  if (!isWithin(latitude, 90) || !isWithin(longitude, 180)) return null;
  // Where nothing is known, files have zeros: nobody lives there.
  if (latitude === 0 && longitude === 0) return null;
  const known = isWithin(radius, accuracyKmMax) && radius > 0;
  return { latitude, longitude, accuracyKm: known ? radius : assumedKm };
}

function isWithin(value: unknown, most: number): value is number {
  return typeof value === 'number' && Math.abs(value) <= most;
}

function countryOf(value: unknown): string | null {
  const good = typeof value === 'string' && /^[A-Z]{2}$/.test(value) && value !== 'ZZ';
  return good ? value : null;
}

function regionOf(value: unknown): string | null {
  if (typeof value !== 'string' || value === '' || value.length > regionLengthMax) return null;
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u.test(value) ? null : value;
}

/** What the coordinates are of. A city is a name in the flat form, names by language in the other. */
function levelOf(city: unknown, region: string | null): keyof typeof assumedAccuracyKm {
  if (regionOf(city) !== null || regionOf(englishName(city)) !== null) return 'city';
  return region === null ? 'country' : 'region';
}

function englishName(value: unknown): unknown {
  return fieldsOf(fieldsOf(value)['names'])['en'];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
