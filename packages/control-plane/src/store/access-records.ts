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
    shadowVersion: shadowVersionOf(record),
    receivedAtMs: nowMs,
  };
}

/** What edges say is not ours to trust: of another version, they may say nothing, or anything. */
function shadowVersionOf({ shadow }: Partial<AccessRecord>): number | null {
  const version: unknown = shadow?.version;
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : null;
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

/** What edges decided, counted by edge, version, outcome and whether somebody was signed in. */
export interface CountedDecisions {
  readonly edgeId: string;
  readonly version: number;
  readonly outcome: string;
  readonly signedIn: boolean;
  readonly count: number;
  /** The newest record among them. */
  readonly lastId: number;
}

/** Counts the decisions after a record, up to `limit` records on. */
export async function countDecisionsAfter(
  db: Executor,
  afterId: number,
  limit: number,
): Promise<CountedDecisions[]> {
  return countDecisions(
    db,
    sql`select id, edge_id, user_id, outcome, record from access_records
      where id > ${afterId} order by id limit ${limit}`,
  );
}

/** So far back edges' own records are looked for, however many others there are. */
const recordsBackMax = 50_000;

/** Counts the newest decisions of one version by some edges, up to and with a record. */
export async function countDecisionsOf(
  db: Executor,
  version: number,
  edgeIds: readonly string[],
  upToId: number,
  limit: number,
): Promise<CountedDecisions[]> {
  const counted = await countDecisions(
    db,
    sql`select id, edge_id, user_id, outcome, record from access_records
      where id <= ${upToId} and id > ${upToId - recordsBackMax}
        and edge_id = any(${sql.param([...edgeIds])}::text[])
      order by id desc limit ${limit}`,
  );
  return counted.filter((one) => one.version === version);
}

async function countDecisions(db: Executor, records: SQL): Promise<CountedDecisions[]> {
  const { rows } = await db.execute<
    Record<Exclude<keyof CountedDecisions, 'signedIn'>, string> & { readonly signedIn: boolean }
  >(sql`
    select edge_id as "edgeId", coalesce((record ->> 'configVersion')::bigint, 0) as version,
      outcome, user_id is not null as "signedIn", count(*) as count, max(id) as "lastId"
    from (${records}) part group by 1, 2, 3, 4`);
  return rows.map(({ edgeId, version, outcome, signedIn, count, lastId }) => ({
    edgeId,
    version: Number(version),
    outcome,
    signedIn,
    count: Number(count),
    lastId: Number(lastId),
  }));
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
    .orderBy(asc(accessRecords.id))
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
