import type { AccessRecord } from '@sallyport/shared/access-record';
import { desc, eq, notInArray, sql } from 'drizzle-orm';
import { findBlocked } from './blocked.ts';
import type { Executor } from './database.ts';
import {
  type LastSeen,
  lastSeenBy,
  type OwnPlaceRow,
  placesInHistory,
  placesOf,
  recentRequests,
} from './own-places.ts';
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
  /** By sid. */
  readonly seen: ReadonlyMap<string, LastSeen>;
  readonly devices: readonly OwnDeviceRow[];
  /** The newest first. */
  readonly places: readonly OwnPlaceRow[];
  readonly denials: readonly OwnDenialRow[];
}

/** Requests among which refusals are looked for: whoever is seldom refused has many of them. */
const amongMax = 2_000;
const devicesMax = 32;
const denialsMax = 20;

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
  const requests = await recentRequests(db, userId);
  const kept = await placesInHistory(db, userId);
  const used = [
    ...new Set([
      ...sessions.map(({ session }) => session.deviceId),
      ...requests.map(({ deviceId }) => deviceId),
    ]),
  ].filter((id) => id !== null);
  const devices = await ownDevices(db, userId, used, nowMs);
  const deviceIds = devices.map(({ id }) => id);
  const seen = lastSeenBy(requests, kept, deviceIds, 'deviceId');
  const sids = sessions.map(({ session }) => session.sid);
  return {
    email: user.email,
    name: user.displayName,
    sessions,
    seen: lastSeenBy(requests, kept, sids, 'sid'),
    devices: devices.map((one) => ({ ...one, lastSeenAtMs: seen.get(one.id)?.atMs ?? null })),
    places: placesOf(requests, kept, [...new Set([...used, ...deviceIds])]),
    denials: await recentDenials(db, userId),
  };
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

/** Devices that the person owns, and those that sessions and requests came from. */
async function ownDevices(
  db: Executor,
  userId: string,
  used: readonly string[],
  nowMs: number,
): Promise<Omit<OwnDeviceRow, 'lastSeenAtMs'>[]> {
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
  const ids = rows.map(({ id }) => id);
  const blocked = await findBlocked(db, 'device', ids, nowMs);
  return rows.map(({ certificateExpiresAtMs, ...row }) => ({
    ...row,
    blocked: blocked.has(row.id),
    certificateExpiresAtMs: certificateExpiresAtMs === null ? null : Number(certificateExpiresAtMs),
  }));
}
