import type { Sighted, SignalEvent } from '@sallyport/shared/signals/events';
import { cellOf } from '@sallyport/shared/signals/geo';
import { lastPlaceName, lastPlaceValue, readLastPlace } from '@sallyport/shared/signals/last-place';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import { tellsWhere, type Whereabouts } from '@sallyport/shared/signals/travel';
import { findSignals, putSignals, type SignalRow } from '../store/signals.ts';
import type { WriteTx } from '../store/write.ts';

/** Also without any change: how fast somebody came from there depends on when it was. */
const refreshMs = 3_600_000;
/** A user of two networks in turn fills no lane. */
const restMs = 2_000;
/** After so long everybody can be anywhere. */
const keptMs = 86_400_000;

/**
 * Tells the edges where users were last, when it is another place, network or device than they know.
 * What comes late takes no newer place's place. The caller holds the users' histories.
 */
export async function notePlaces(tx: WriteTx, events: readonly SignalEvent[]): Promise<void> {
  const newest = newestOf(events);
  if (newest.size === 0) return;
  const known = await findSignals(tx.db, 'user', lastPlaceName, [...newest.keys()]);
  const before = new Map(known.map((row) => [row.subjectId, row]));
  const rows: SignalRow[] = [];
  for (const event of newest.values()) {
    const row = before.get(event.userId);
    if (row !== undefined) {
      const agoMs = event.atMs - row.observedAtMs;
      if (agoMs < restMs) continue;
      const last = readLastPlace(row);
      if (agoMs < refreshMs && last !== null && isSame(last, event)) continue;
    }
    const value = event.place && lastPlaceValue(event.deviceId, event.place);
    if (value === null) continue;
    rows.push({
      subject: 'user',
      subjectId: event.userId,
      name: lastPlaceName,
      value,
      observedAtMs: event.atMs,
      expiresAtMs: event.atMs + keptMs,
    });
  }
  tx.emit('signals', ...(await putSignals(tx.db, rows)));
}

/** The newest sighting of each user that says where they are. */
function newestOf(events: readonly SignalEvent[]): ReadonlyMap<string, Sighted> {
  const newest = new Map<string, Sighted>();
  for (const event of events) {
    if (event.kind !== 'sighted' || !tellsWhere(event.place)) continue;
    const known = newest.get(event.userId);
    if (known === undefined || known.atMs < event.atMs) newest.set(event.userId, event);
  }
  return newest;
}

function isSame(last: Whereabouts, event: Whereabouts): boolean {
  if (last.deviceId !== event.deviceId) return false;
  return networkOf(last.place) === networkOf(event.place);
}

function networkOf(place: KnownPlace | null): string {
  if (place === null) return '';
  const { coordinates, country, asn } = place;
  const cell = coordinates === null ? null : cellOf(coordinates);
  return JSON.stringify([cell, country, asn]);
}
