import { accuracyKmMax, areCoordinates, distanceKm } from './geo.ts';
import type { Coordinates, KnownPlace } from './place.ts';

/** Where a user was, when, and with which device. */
export interface Whereabouts {
  readonly atMs: number;
  /** null: without a device. */
  readonly deviceId: string | null;
  /** null: nothing is known of the address. */
  readonly place: KnownPlace | null;
}

export interface TravelThresholds {
  /** Faster than this is no journey that anybody makes. */
  readonly speedKmhMax: number;
  /** What is nearer than this is never a journey, however fast. */
  readonly distanceKmMin: number;
}

/** From one place to another faster than anybody travels. */
export interface Journey {
  /** What is left when both accuracy radii are taken off. */
  readonly distanceKm: number;
  readonly hours: number;
  readonly speedKmh: number;
  /** Both ends are of one country. */
  readonly withinCountry: boolean;
  /** Both ends are of one network: of two countries, or one of them is not known. */
  readonly oneNetwork: boolean;
  /** Both ends have the same known device. */
  readonly oneDevice: boolean;
  /** For people. */
  readonly reason: string;
}

/** Every outcome is declared; only `journey` is one. */
export type TravelVerdict =
  | { readonly outcome: 'journey'; readonly journey: Journey }
  /** Of one side nobody knows where it is. */
  | { readonly outcome: 'unknown' }
  /** Of one side the data know no more than a continent: `accuracyKmMax`. */
  | { readonly outcome: 'vague' }
  /** One side is a known way out of ours: it says nothing of where the user is. */
  | { readonly outcome: 'egress' }
  /** Two devices that are both known may be in two places. */
  | { readonly outcome: 'other-device' }
  /** One network of one country: its addresses wander. */
  | { readonly outcome: 'same-network' }
  /** A known device within one country: it changes providers, and the data on places jump. */
  | { readonly outcome: 'same-country' }
  | { readonly outcome: 'near' }
  | { readonly outcome: 'possible' };

type Verdict = TravelVerdict;
const secondHours = 1 / 3600;

/**
 * How somebody came from one place to the other. The two may come in either order, and the order
 * of the times means nothing either: a sighting that comes late or by a clock that is off is
 * judged as if it had come in time.
 */
export function travelVerdict(
  from: Whereabouts,
  to: Whereabouts,
  thresholds: TravelThresholds,
): Verdict {
  const [first, second] = [from.place, to.place];
  if (first === null || second === null) return { outcome: 'unknown' };
  if (first.egress !== null || second.egress !== null) return { outcome: 'egress' };
  if (twoDevices(from, to)) return { outcome: 'other-device' };
  if (sameNetwork(first, second)) return { outcome: 'same-network' };
  if (from.deviceId !== null && to.deviceId !== null && sameCountry(first, second)) {
    return { outcome: 'same-country' };
  }
  const [here, there] = [first.coordinates, second.coordinates];
  if (!known(here) || !known(there)) return { outcome: 'unknown' };
  if (isVague(here) || isVague(there)) return { outcome: 'vague' };
  const apart = distanceKm(here, there) - here.accuracyKm - there.accuracyKm;
  if (!(apart >= thresholds.distanceKmMin) || apart <= 0) return { outcome: 'near' };
  const hours = Math.max(Math.abs(to.atMs - from.atMs) / 3_600_000, secondHours);
  const speedKmh = apart / hours;
  // A time that is no number is no evidence.
  if (!(speedKmh > thresholds.speedKmhMax)) return { outcome: 'possible' };
  const reason = describe(first, second, apart, hours);
  const kind = {
    withinCountry: sameCountry(first, second),
    oneNetwork: first.asn !== null && first.asn === second.asn,
    oneDevice: from.deviceId !== null && from.deviceId === to.deviceId,
  };
  return { outcome: 'journey', journey: { distanceKm: apart, hours, speedKmh, ...kind, reason } };
}

/** The journey that nobody makes; null: there is none, for whichever reason `travelVerdict` says. */
export function judgeTravel(
  from: Whereabouts,
  to: Whereabouts,
  thresholds: TravelThresholds,
): Journey | null {
  const verdict = travelVerdict(from, to, thresholds);
  return verdict.outcome === 'journey' ? verdict.journey : null;
}

/**
 * Whether a place says where the user is: it has coordinates, no vague ones, and is no known way out. Only such a
 * one is worth remembering as where somebody was last.
 */
export function tellsWhere(
  place: KnownPlace | null,
): place is KnownPlace & { readonly coordinates: Coordinates } {
  if (place === null || place.egress !== null) return false;
  return known(place.coordinates) && !isVague(place.coordinates);
}

/** What a journey was between, the same both ways round: countries and networks. */
export function endsOf(a: KnownPlace, b: KnownPlace): string {
  return [networkOf(a), networkOf(b)].sort().join(' ');
}

/** Country and network of a place in a few characters. */
export function networkOf(place: KnownPlace | null): string {
  return `${place?.country ?? '??'}/${String(place?.asn ?? 0)}`;
}

function twoDevices(from: Whereabouts, to: Whereabouts): boolean {
  return from.deviceId !== null && to.deviceId !== null && from.deviceId !== to.deviceId;
}

/** Providers hand addresses of one pool to a whole country; where a country is not known, likewise. */
function sameNetwork(a: KnownPlace, b: KnownPlace): boolean {
  if (a.asn === null || a.asn !== b.asn) return false;
  return a.country === null || b.country === null || a.country === b.country;
}

function sameCountry(a: KnownPlace, b: KnownPlace): boolean {
  return a.country !== null && a.country === b.country;
}

function known(coordinates: Coordinates | null): coordinates is Coordinates {
  return coordinates !== null && areCoordinates(coordinates);
}

function isVague({ accuracyKm }: Coordinates): boolean {
  return accuracyKm > accuracyKmMax;
}

function describe(from: KnownPlace, to: KnownPlace, km: number, hours: number): string {
  const ends = `${from.country ?? 'somewhere'} and ${to.country ?? 'somewhere'}`;
  return `${ends}, ${String(Math.round(km))} km apart, within ${span(hours)}`;
}

function span(hours: number): string {
  if (hours >= 1) return `${hours.toFixed(1)} h`;
  const seconds = Math.round(hours * 3600);
  return seconds >= 60 ? `${String(Math.round(seconds / 60))} min` : `${String(seconds)} s`;
}
