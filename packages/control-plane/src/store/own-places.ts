import { decodeHistory } from '@sallyport/shared/signals/history';
import { keyOf, type PlaceSeen } from '@sallyport/shared/signals/history-model';
import { desc, eq, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { findHistory } from './histories.ts';
import { accessRecords } from './schema/index.ts';

export interface OwnPlaceRow {
  readonly country: string | null;
  readonly region: string | null;
  readonly egress: string | null;
  readonly deviceId: string | null;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
}

/** When and where something was last seen; `country` null: not known. */
export interface LastSeen {
  readonly atMs: number;
  readonly country: string | null;
}

/** Requests that are looked at for places and for when something was last seen: the newest. */
const requestsMax = 500;
const placesMax = 12;
const textMax = 128;

export interface OwnRequest {
  readonly atMs: number;
  readonly sid: string | null;
  readonly deviceId: string | null;
  /** As an edge wrote it, which may be anything. */
  readonly place: { readonly [field in 'country' | 'region' | 'egress']?: unknown } | null;
}

/** The newest first. */
export async function recentRequests(db: Executor, userId: string): Promise<OwnRequest[]> {
  const { record } = accessRecords;
  return db
    .select({
      atMs: accessRecords.timeMs,
      sid: sql<string | null>`${record} ->> 'sid'`,
      deviceId: accessRecords.deviceId,
      place: sql<OwnRequest['place']>`${record} -> 'facts' -> 'place'`,
    })
    .from(accessRecords)
    .where(eq(accessRecords.userId, userId))
    .orderBy(desc(accessRecords.id))
    .limit(requestsMax);
}

/**
 * Where detectors last saw each device, and each session without one. However many requests somebody
 * sends with one of them, that pushes nothing of the others out.
 */
export async function placesInHistory(db: Executor, userId: string): Promise<readonly PlaceSeen[]> {
  const bytes = await findHistory(db, userId);
  return bytes === null ? [] : decodeHistory(bytes).history.places;
}

/** The newest of what requests and the history say of each id. */
export function lastSeenBy(
  requests: readonly OwnRequest[],
  kept: readonly PlaceSeen[],
  ids: readonly string[],
  field: 'sid' | 'deviceId',
): ReadonlyMap<string, LastSeen> {
  const seen = new Map<string, LastSeen>();
  for (const request of requests) {
    const id = request[field];
    if (id === null || seen.has(id)) continue;
    seen.set(id, { atMs: request.atMs, country: textOrNull(request.place?.country) });
  }
  const byKey = new Map(kept.map((one) => [field === 'sid' ? one.session : one.device, one]));
  for (const id of ids) {
    const one = byKey.get(keyOf(id));
    const atMs = (one?.atS ?? 0) * 1000;
    if (one === undefined || (seen.get(id)?.atMs ?? 0) >= atMs) continue;
    seen.set(id, { atMs, country: one.place.country });
  }
  return seen;
}

/** Those of the history first, so that they stay; of the rest the newest. In the order of time. */
export function placesOf(
  requests: readonly OwnRequest[],
  kept: readonly PlaceSeen[],
  deviceIds: readonly string[],
): OwnPlaceRow[] {
  const byRequests = placesOfRequests(requests);
  const idOf = new Map(deviceIds.map((id) => [keyOf(id), id]));
  const remembered: OwnPlaceRow[] = [];
  for (const { atS, device, place } of kept) {
    const deviceId = device === null ? null : idOf.get(device);
    if (place.country === null || deviceId === undefined) continue;
    // Requests say more of a place.
    const known = byRequests.find(
      (one) => one.country === place.country && one.deviceId === deviceId,
    );
    const atMs = atS * 1000;
    const bare = { country: place.country, region: null, egress: null, deviceId };
    const row = known ?? { ...bare, firstSeenAtMs: atMs, lastSeenAtMs: atMs };
    const twice = remembered.some(
      (one) => one.country === row.country && one.deviceId === deviceId,
    );
    if (!twice) remembered.push(row);
  }
  return [...new Set([...remembered, ...byRequests])]
    .slice(0, placesMax)
    .sort((a, b) => b.lastSeenAtMs - a.lastSeenAtMs);
}

function placesOfRequests(requests: readonly OwnRequest[]): OwnPlaceRow[] {
  const places = new Map<string, OwnPlaceRow>();
  for (const { atMs, deviceId, place } of requests) {
    if (place === null) continue;
    const country = textOrNull(place.country);
    const region = textOrNull(place.region);
    const egress = textOrNull(place.egress);
    if (country === null && egress === null) continue;
    const key = JSON.stringify([country, region, egress, deviceId]);
    const known = places.get(key);
    places.set(key, {
      country,
      region,
      egress,
      deviceId,
      firstSeenAtMs: Math.min(atMs, known?.firstSeenAtMs ?? atMs),
      lastSeenAtMs: Math.max(atMs, known?.lastSeenAtMs ?? atMs),
    });
  }
  return [...places.values()];
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, textMax) : null;
}
