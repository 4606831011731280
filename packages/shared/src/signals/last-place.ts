import type { Signal } from '../state/model.ts';
import { areCoordinates } from './geo.ts';
import type { Coordinates, KnownPlace } from './place.ts';
import { readObject, valueBytesMax } from './row-value.ts';
import { networkOf, type Whereabouts } from './travel.ts';

/** The row of a user in the signals lane that says where they were last. It is no risk. */
export const lastPlaceName = 'last-place';

const dismissedMax = 8;

/** Where a user was last, as the lane has it. */
export interface LastPlace extends Whereabouts {
  /** Networks (`networkOf`) between which and this place a journey was dismissed, the latest first. */
  readonly dismissed: readonly string[];
}

/** Whether a person has said that between these two no journey is one, as far as the row has room for. */
export function isDismissed(
  last: LastPlace | null,
  a: KnownPlace | null,
  b: KnownPlace | null,
): boolean {
  if (last === null || last.dismissed.length === 0) return false;
  const [home, one, other] = [networkOf(last.place), networkOf(a), networkOf(b)];
  if (home === one) return last.dismissed.includes(other);
  return home === other && last.dismissed.includes(one);
}

/** Of matters of travel (`endsOf`) the other ends of those that have this one. */
export function otherEnds(place: KnownPlace, matters: readonly string[]): readonly string[] {
  const home = networkOf(place);
  return matters.flatMap((matter) => {
    const [one, other, ...more] = matter.split(' ');
    if (one === undefined || other === undefined || more.length > 0) return [];
    if (one === home) return other;
    return other === home ? one : [];
  });
}

/**
 * The row's value: JSON, 256 bytes at the most. When it was is the row's `observedAtMs`. A place
 * that says where the user is (`tellsWhere`, travel.ts) should be written and no other; null: a
 * device id of a length that no id has leaves no room. Of `dismissed` there is as much as has room.
 */
export function lastPlaceValue(
  device: string | null,
  place: KnownPlace,
  dismissed: readonly string[] = [],
): string | null {
  const { coordinates: at } = place;
  const plain = {
    device,
    country: place.country,
    lat: at === null ? null : rounded(at.latitude),
    lon: at === null ? null : rounded(at.longitude),
    acc: at === null ? null : Math.ceil(at.accuracyKm),
    asn: place.asn,
    egress: place.egress,
  };
  for (let count = Math.min(dismissed.length, dismissedMax); count >= 0; count -= 1) {
    const ends = dismissed.slice(0, count);
    const value = JSON.stringify(count === 0 ? plain : { ...plain, none: ends });
    if (Buffer.byteLength(value) <= valueBytesMax) return value;
  }
  return null;
}

/** Where the row says that the user was last; null: it is no such row, or cannot be read. */
export function readLastPlace(
  signal: Pick<Signal, 'name' | 'value' | 'observedAtMs'>,
): LastPlace | null {
  const value = signal.name === lastPlaceName ? readObject(signal.value) : null;
  if (value === null) return null;
  const device = value['device'];
  return {
    atMs: signal.observedAtMs,
    deviceId: typeof device === 'string' ? device : null,
    place: {
      country: textOf(value['country'], /^[A-Z]{2}$/),
      region: null,
      coordinates: coordinatesOf(value),
      asn: typeof value['asn'] === 'number' ? value['asn'] : null,
      egress: textOf(value['egress'], /./),
    },
    dismissed: Array.isArray(value['none'])
      ? value['none'].filter((end) => typeof end === 'string').slice(0, dismissedMax)
      : [],
  };
}

function coordinatesOf(value: Readonly<Record<string, unknown>>): Coordinates | null {
  const [latitude, longitude, accuracyKm] = [value['lat'], value['lon'], value['acc']];
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return null;
  if (typeof accuracyKm !== 'number') return null;
  const coordinates = { latitude, longitude, accuracyKm };
  return areCoordinates(coordinates) ? coordinates : null;
}

function textOf(value: unknown, pattern: RegExp): string | null {
  return typeof value === 'string' && pattern.test(value) ? value : null;
}

function rounded(degrees: number): number {
  return Math.round(degrees * 100) / 100;
}
