import type { Sighted, SignalEvent } from '@sallyport/shared/signals/events';
import { cellOf } from '@sallyport/shared/signals/geo';
import {
  lastPlaceName,
  lastPlaceValue,
  otherEnds,
  readLastPlace,
} from '@sallyport/shared/signals/last-place';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import { tellsWhere, type Whereabouts } from '@sallyport/shared/signals/travel';
import { silencedFindings } from '../store/findings.ts';
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
  const moved: Sighted[] = [];
  for (const event of newest.values()) {
    const row = before.get(event.userId);
    if (row !== undefined) {
      const agoMs = event.atMs - row.observedAtMs;
      if (agoMs < restMs) continue;
      const last = readLastPlace(row);
      if (agoMs < refreshMs && last !== null && isSame(last, event)) continue;
    }
    moved.push(event);
  }
  if (moved.length === 0) return;
  const none = await dismissedOf(
    tx,
    moved.map(({ userId }) => userId),
  );
  const rows: SignalRow[] = [];
  for (const event of moved) {
    const value = event.place && valueOf(event, event.place, none.get(event.userId));
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

/** Tells the edges that a journey of the user was dismissed, or is one again. The user's history is held. */
export async function renewPlace(tx: WriteTx, userId: string): Promise<void> {
  const [row] = await findSignals(tx.db, 'user', lastPlaceName, [userId]);
  const last = row === undefined ? null : readLastPlace(row);
  if (row === undefined || last === null || last.place === null) return;
  const matters = (await dismissedOf(tx, [userId])).get(userId);
  const value = valueOf(last, last.place, matters);
  if (value === null || value === row.value || row.expiresAtMs <= tx.nowMs) return;
  tx.emit('signals', ...(await putSignals(tx.db, [{ ...row, value }])));
}

function valueOf(
  { deviceId }: Pick<Whereabouts, 'deviceId'>,
  place: KnownPlace,
  dismissed: readonly string[] = [],
): string | null {
  return lastPlaceValue(deviceId, place, otherEnds(place, dismissed));
}

/** The matters of travel of these users that a person has dismissed, the latest first. */
async function dismissedOf(
  { db, nowMs }: WriteTx,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await silencedFindings(db, userIds, nowMs);
  const travel = rows.filter(({ detector }) => detector === 'impossible-travel');
  const byUser = Map.groupBy(travel, ({ userId }) => userId);
  return new Map([...byUser].map(([id, own]) => [id, own.map(({ matter }) => matter)]));
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
