import {
  familiarAfterDays,
  limits,
  type NetworkSeen,
  type PlaceKept,
  type PlaceSeen,
} from './history-model.ts';
import type { KnownPlace } from './place.ts';

const placeForDays = 30;
/** What was not seen for so long is new again. */
export const familiarForDays = 180;

/** The country that the event makes familiar; null: none, also behind a known way out. */
export function countryOf(place: KnownPlace | null): string | null {
  if (place === null || place.country === null || place.egress !== null) return null;
  return /^[A-Z]{2}$/.test(place.country) ? place.country : null;
}

/** Where the user is at home stays before what is seen once: a flood of others does not push it out. */
export function networksWith(
  list: readonly NetworkSeen[],
  place: KnownPlace | null,
  day: number,
): readonly NetworkSeen[] {
  const country = countryOf(place);
  const asn = asnOf(place);
  if (country === null || asn === null) return list;
  const own = list.find((one) => one.asn === asn && one.country === country);
  if (own !== undefined && own.day >= day) return list;
  const days = Math.min((own?.days ?? 0) + 1, familiarAfterDays);
  const others = list.filter((one) => one !== own && one.day >= day - familiarForDays);
  return [...others, { country, asn, days, day }]
    .sort((a, b) => rank(b) - rank(a) || b.day - a.day || a.asn - b.asn)
    .slice(0, limits.networks);
}

function rank({ days }: NetworkSeen): number {
  return days >= familiarAfterDays ? 1 : 0;
}

/**
 * Whether the new one comes late. By more than a day it does not: the clock was ahead when the old one
 * was seen, and without this nothing would be learnt until it is as late as that again.
 */
export function isLater(old: PlaceSeen, seen: PlaceSeen): boolean {
  return old.atS > seen.atS && old.atS - seen.atS < 86_400;
}

/** A device is in one place, a session without one as well: only the latest sighting stays. */
export function placesWith(places: readonly PlaceSeen[], seen: PlaceSeen): readonly PlaceSeen[] {
  const own = places.find((old) => sameThing(old, seen));
  if (own !== undefined && isLater(own, seen)) return places;
  const others = places.filter((old) => old !== own && old.atS >= seen.atS - placeForDays * 86_400);
  return [...others, seen]
    .sort((a, b) => b.atS - a.atS || a.session - b.session)
    .slice(0, limits.places);
}

function sameThing(a: PlaceSeen, b: PlaceSeen): boolean {
  return a.device === null ? b.device === null && a.session === b.session : a.device === b.device;
}

export function placeKept(
  place: KnownPlace & { readonly coordinates: NonNullable<KnownPlace['coordinates']> },
): PlaceKept {
  const { latitude, longitude, accuracyKm } = place.coordinates;
  return {
    country: countryOf(place),
    region: null,
    coordinates: {
      latitude: hundredths(latitude),
      longitude: hundredths(longitude),
      accuracyKm: Math.ceil(accuracyKm),
    },
    asn: asnOf(place),
    egress: null,
  };
}

function asnOf(place: KnownPlace | null): number | null {
  const asn = place?.asn ?? 0;
  return Number.isInteger(asn) && asn > 0 && asn < 2 ** 32 ? asn : null;
}

function hundredths(degrees: number): number {
  // Adding 0 makes -0 a 0: what is kept is what is read again.
  return Math.round(degrees * 100) / 100 + 0;
}
