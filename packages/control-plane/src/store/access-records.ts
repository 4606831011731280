import type { AccessRecord } from '@sallyport/shared/access-record';
import { and, asc, desc, eq, gt, lt, max, type SQL, sql } from 'drizzle-orm';
import { type Database, type Executor, transaction } from './database.ts';
import { accessRecords } from './schema/index.ts';

const rowsPerInsert = 500;

/**
 * Writes a batch of an edge's access records; it is durable when this resolves. Records that are
 * there already are skipped, because an edge sends a batch again when the answer got lost. `edgeId`
 * is the one of the edge's certificate, whatever the records say.
 */
export async function insertAccessRecords(
  database: Database,
  edgeId: string,
  records: readonly AccessRecord[],
  nowMs: number,
): Promise<void> {
  const rows = records.map((record) => recordRow(edgeId, record, nowMs));
  if (rows.length === 0) return;
  await transaction(database.ordinary, async (db) => {
    // Writers take turns, so that ids become visible in their order and a reader that follows the
    // newest id misses nothing.
    await db.execute(sql`select pg_advisory_xact_lock(hashtext('sallyport.access_records'))`);
    for (let at = 0; at < rows.length; at += rowsPerInsert) {
      await db
        .insert(accessRecords)
        .values(rows.slice(at, at + rowsPerInsert))
        .onConflictDoNothing();
    }
  });
}

function recordRow(
  edgeId: string,
  given: AccessRecord,
  nowMs: number,
): typeof accessRecords.$inferInsert {
  const record = storable(given) as AccessRecord;
  const timeMs = Date.parse(record.time);
  return {
    correlationId: record.correlationId,
    edgeId,
    timeMs: Number.isNaN(timeMs) ? nowMs : timeMs,
    userId: record.userId,
    userEmail: record.userEmail,
    sid: record.sid,
    deviceId: record.deviceId,
    route: record.route,
    host: record.host,
    outcome: record.outcome,
    record,
    receivedAtMs: nowMs,
  };
}

/** JSON as Postgres takes it: no NUL and no half of a surrogate pair in a text. */
function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\u0000', '\ufffd');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storable(key), storable(item)]),
  );
}

export type AccessRecordRow = typeof accessRecords.$inferSelect;

export interface RecordFilter {
  /** User id or e-mail address. */
  readonly user?: string;
  readonly device?: string;
  readonly route?: string;
  readonly host?: string;
  readonly outcome?: string;
}

/** Records before `beforeId` (null: from the newest), newest first. */
export async function listRecordsBefore(
  db: Executor,
  filter: RecordFilter,
  beforeId: number | null,
  limit: number,
): Promise<AccessRecordRow[]> {
  return db
    .select()
    .from(accessRecords)
    .where(and(matches(filter), beforeId === null ? undefined : lt(accessRecords.id, beforeId)))
    .orderBy(desc(accessRecords.id))
    .limit(limit);
}

/** Records after `afterId`, oldest first: what has come in since. */
export async function listRecordsAfter(
  db: Executor,
  filter: RecordFilter,
  afterId: number,
  limit: number,
): Promise<AccessRecordRow[]> {
  return db
    .select()
    .from(accessRecords)
    .where(and(matches(filter), gt(accessRecords.id, afterId)))
    .orderBy(asc(accessRecords.id))
    .limit(limit);
}

/** The id of the newest record, 0 where there is none: where a reader starts to follow. */
export async function newestRecordId(db: Executor): Promise<number> {
  const [row] = await db.select({ id: max(accessRecords.id) }).from(accessRecords);
  return row?.id ?? 0;
}

/** The record of a request. Ids are made by edges, so the newest of several is meant. */
export async function findRecord(
  db: Executor,
  correlationId: string,
): Promise<AccessRecordRow | null> {
  const [row] = await db
    .select()
    .from(accessRecords)
    .where(eq(accessRecords.correlationId, correlationId))
    .orderBy(desc(accessRecords.id))
    .limit(1);
  return row ?? null;
}

function matches({ user, device, route, host, outcome }: RecordFilter): SQL | undefined {
  const userColumn = user?.includes('@') ? accessRecords.userEmail : accessRecords.userId;
  return and(
    user === undefined ? undefined : eq(userColumn, user.includes('@') ? user.toLowerCase() : user),
    device === undefined ? undefined : eq(accessRecords.deviceId, device),
    route === undefined ? undefined : eq(accessRecords.route, route),
    host === undefined ? undefined : eq(accessRecords.host, host),
    outcome === undefined ? undefined : eq(accessRecords.outcome, outcome),
  );
}
