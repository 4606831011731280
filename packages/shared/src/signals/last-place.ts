import type { Signal } from '../state/model.ts';
import { areCoordinates } from './geo.ts';
import type { Coordinates, KnownPlace } from './place.ts';
import { readObject, valueBytesMax } from './row-value.ts';
import type { Whereabouts } from './travel.ts';

/** The row of a user in the signals lane that says where they were last. It is no risk. */
export const lastPlaceName = 'last-place';

/**
 * The row's value: JSON, 256 bytes at the most. When it was is the row's `observedAtMs`. A place
 * that says where the user is (`tellsWhere`, travel.ts) should be written and no other; null: a
 * device id of a length that no id has leaves no room.
 */
export function lastPlaceValue(device: string | null, place: KnownPlace): string | null {
  const { coordinates: at } = place;
  const value = JSON.stringify({
    device,
    country: place.country,
    lat: at === null ? null : rounded(at.latitude),
    lon: at === null ? null : rounded(at.longitude),
    acc: at === null ? null : Math.ceil(at.accuracyKm),
    asn: place.asn,
    egress: place.egress,
  });
  return Buffer.byteLength(value) <= valueBytesMax ? value : null;
}

/** Where the row says that the user was last; null: it is no such row, or cannot be read. */
export function readLastPlace(
  signal: Pick<Signal, 'name' | 'value' | 'observedAtMs'>,
): Whereabouts | null {
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
