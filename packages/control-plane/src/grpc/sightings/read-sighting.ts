import { isIP } from 'node:net';
import type { Sighting } from '@sallyport/proto';
import { isId } from '@sallyport/shared/ids';
import type { Sighted } from '@sallyport/shared/signals/events';
import { readPlaceOnWire } from '../../signals/read-place.ts';

/** What is older says nothing of where anybody is. */
const ageMsMax = 86_400_000n;
/**
 * One sighting as an edge sent it; null if it cannot be one. The edge has only said how long ago it
 * was: when it was is ours to say, whatever the edge's clock shows.
 */
export function readSighting(said: Sighting, arrivedMs: number): Sighted | null {
  const { id, ageMs, userId, sid, deviceId, sourceAddress, route } = said;
  const readable =
    /^[\w-]{1,64}$/.test(id) &&
    ageMs <= ageMsMax &&
    isId('usr', userId) &&
    isId('ses', sid) &&
    (deviceId === '' || isId('dev', deviceId)) &&
    isIP(sourceAddress) !== 0 &&
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/.test(route);
  if (!readable) return null;
  const place = said.place === undefined ? null : readPlaceOnWire(said.place);
  if (said.place !== undefined && place === null) return null;
  return {
    kind: 'sighted',
    id,
    atMs: arrivedMs - Number(ageMs),
    sourceAddress,
    place,
    userId,
    deviceId: deviceId === '' ? null : deviceId,
    sid,
    route: route === '' ? null : route,
  };
}
