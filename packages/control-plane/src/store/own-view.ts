import type { AccessRecord } from '@sallyport/shared/access-record';
import { desc, eq, notInArray, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { isBlocked } from './revocations.ts';
import { accessRecords, deviceCertificates, devices } from './schema/index.ts';
import { listSessions, type SessionView } from './sessions.ts';
import { findUser } from './users.ts';

export interface OwnDeviceRow {
  readonly id: string;
  readonly name: string;
  readonly managed: boolean;
  readonly blocked: boolean;
  /** Of the certificate that ends last; null: there is none. */
  readonly certificateExpiresAtMs: number | null;
  readonly lastSeenAtMs: number | null;
}

export interface OwnPlaceRow {
  readonly country: string | null;
  readonly region: string | null;
  readonly egress: string | null;
  readonly deviceId: string | null;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
}

export interface OwnDenialRow {
  readonly atMs: number;
  readonly record: AccessRecord;
}

/** What is known of a person, for that person alone. */
export interface OwnView {
  readonly email: string;
  readonly name: string;
  /** Those that hold, the newest first. */
  readonly sessions: readonly SessionView[];
  /** By sid: of the newest request that was looked at. */
  readonly seenAtMs: ReadonlyMap<string, number>;
  readonly devices: readonly OwnDeviceRow[];
  /** The newest first. */
  readonly places: readonly OwnPlaceRow[];
  readonly denials: readonly OwnDenialRow[];
}

/** Requests that are looked at for places and for when something was last seen: the newest. */
const requestsMax = 500;
/** Requests among which refusals are looked for: whoever is seldom refused has many of them. */
const amongMax = 2_000;
const devicesMax = 32;
const placesMax = 12;
const denialsMax = 20;
const textMax = 128;

/** null: there is no such user. */
export async function readOwnView(
  db: Executor,
  userId: string,
  sessionsMax: number,
  nowMs: number,
): Promise<OwnView | null> {
  const user = await findUser(db, userId);
  if (user === null) return null;
  const page = { limit: sessionsMax - 1, after: null };
  const sessions = await listSessions(db, { user: userId, live: true }, page, nowMs);
  const seen = await recentRequests(db, userId);
  const deviceIds = [
    ...new Set([
      ...sessions.map(({ session }) => session.deviceId),
      ...seen.map(({ deviceId }) => deviceId),
    ]),
  ].filter((id) => id !== null);
  return {
    email: user.email,
    name: user.displayName,
    sessions,
    seenAtMs: newestBy(seen, ({ sid }) => sid),
    devices: await ownDevices(
      db,
      userId,
      deviceIds,
      newestBy(seen, ({ deviceId }) => deviceId),
      nowMs,
    ),
    places: placesOf(seen),
    denials: await recentDenials(db, userId),
  };
}

interface Request {
  readonly atMs: number;
  readonly sid: string | null;
  readonly deviceId: string | null;
  /** As an edge wrote it, which may be anything. */
  readonly place: { readonly [field in 'country' | 'region' | 'egress']?: unknown } | null;
}

async function recentRequests(db: Executor, userId: string): Promise<Request[]> {
  const { record } = accessRecords;
  return db
    .select({
      atMs: accessRecords.timeMs,
      sid: sql<string | null>`${record} ->> 'sid'`,
      deviceId: accessRecords.deviceId,
      place: sql<Request['place']>`${record} -> 'facts' -> 'place'`,
    })
    .from(accessRecords)
    .where(eq(accessRecords.userId, userId))
    .orderBy(desc(accessRecords.id))
    .limit(requestsMax);
}

async function recentDenials(db: Executor, userId: string): Promise<OwnDenialRow[]> {
  const newest = db
    .select({
      id: accessRecords.id,
      outcome: accessRecords.outcome,
      atMs: accessRecords.timeMs,
      record: accessRecords.record,
    })
    .from(accessRecords)
    .where(eq(accessRecords.userId, userId))
    .orderBy(desc(accessRecords.id))
    .limit(amongMax)
    .as('newest');
  return db
    .select({ atMs: newest.atMs, record: newest.record })
    .from(newest)
    .where(notInArray(newest.outcome, ['permit', 'own']))
    .orderBy(desc(newest.id))
    .limit(denialsMax);
}

/** The requests are the newest first. */
function newestBy(
  requests: readonly Request[],
  keyOf: (request: Request) => string | null,
): ReadonlyMap<string, number> {
  const newest = new Map<string, number>();
  for (const request of requests) {
    const key = keyOf(request);
    if (key !== null && !newest.has(key)) newest.set(key, request.atMs);
  }
  return newest;
}

function placesOf(requests: readonly Request[]): OwnPlaceRow[] {
  const places = new Map<string, OwnPlaceRow>();
  for (const { atMs, deviceId, place } of requests) {
    if (place === null) continue;
    const country = textOrNull(place.country);
    const region = textOrNull(place.region);
    const egress = textOrNull(place.egress);
    if (country === null && egress === null) continue;
    const key = JSON.stringify([country, region, egress, deviceId]);
    const known = places.get(key);
    if (known === undefined && places.size === placesMax) continue;
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

/** Devices that the person owns, and those that sessions and requests came from. */
async function ownDevices(
  db: Executor,
  userId: string,
  used: readonly string[],
  seenAtMs: ReadonlyMap<string, number>,
  nowMs: number,
): Promise<OwnDeviceRow[]> {
  const rows = await db
    .select({
      id: devices.id,
      name: devices.name,
      managed: devices.managed,
      certificateExpiresAtMs: sql<string | null>`(select max(${deviceCertificates.notAfterMs})
        from ${deviceCertificates} where ${deviceCertificates.deviceId} = ${devices.id})`,
    })
    .from(devices)
    .where(
      sql`(${devices.ownerUserId} = ${userId}
        or ${devices.id} = any(${sql.param([...used])}::text[]))`,
    )
    .orderBy(devices.name, devices.id)
    .limit(devicesMax);
  const found: OwnDeviceRow[] = [];
  for (const { certificateExpiresAtMs, ...row } of rows) {
    found.push({
      ...row,
      blocked: await isBlocked(db, 'device', row.id, nowMs),
      certificateExpiresAtMs:
        certificateExpiresAtMs === null ? null : Number(certificateExpiresAtMs),
      lastSeenAtMs: seenAtMs.get(row.id) ?? null,
    });
  }
  return found;
}
