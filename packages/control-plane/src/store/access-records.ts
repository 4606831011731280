import type { AccessRecord } from '@sallyport/shared/access-record';
import { and, asc, desc, eq, gt, gte, lt, type SQL, sql } from 'drizzle-orm';
import type { Database, Executor } from './database.ts';
import { conditionOf, type RecordCondition, type RecordFilter } from './records/filter.ts';
import { receivedAtMsOf } from './records/ids.ts';
import { readInBites } from './records/in-bites.ts';
import { rewritten } from './records/received.ts';
import { RecordRows } from './records/record-rows.ts';
import { storeRecords } from './records/store-records.ts';
import { accessRecordHead, accessRecords } from './schema/index.ts';

/** Writes records that were not read from JSON, as an edge's. */
export async function insertAccessRecords(
  database: Database,
  edgeId: string,
  records: readonly AccessRecord[],
  nowMs: number,
): Promise<void> {
  await storeRecords(database, [RecordRows.of(edgeId, records.map(rewritten))], nowMs);
}

export interface AccessRecordRow {
  readonly id: number;
  readonly correlationId: string;
  readonly edgeId: string;
  readonly record: AccessRecord;
  /** Of the record as JSON. */
  readonly bytes: number;
  readonly receivedAtMs: number;
}

const { id, correlationId, edgeId, record } = accessRecords;
const bytes = sql<number>`octet_length(${record}::text)`;
const shown = { id, correlationId, edgeId, record, bytes };

type Row = Omit<AccessRecordRow, 'receivedAtMs'>;
const rowOf = (row: Row): AccessRecordRow => ({
  ...row,
  receivedAtMs: receivedAtMsOf(row.id),
});

/** Ids from `low` on, below `high`. */
export interface IdRange {
  readonly low: number;
  readonly high: number;
  /** Only what came in more than `lateMs` after it was. */
  readonly late?: boolean;
}

/** An index of their own leads to the records that came in so much later than they were. */
export const lateMs = 3_600_000;
const isLate = sql`(${id} >> 11) - ${accessRecords.timeMs} > 3600000`;

/** Condition: in the range, and of those that a condition says. */
export function within({ low, high, late }: IdRange, condition: RecordCondition): RecordCondition {
  return and(gte(id, low), lt(id, high), late === true ? isLate : undefined, condition);
}

/** The statement for the records of a range, newest first. */
export function recordsWithin(
  db: Executor,
  condition: RecordCondition,
  range: IdRange,
  limit: number,
) {
  return db
    .select(shown)
    .from(accessRecords)
    .where(within(range, condition))
    .orderBy(desc(id))
    .limit(limit);
}

/** Records of a range, newest first; the last is the one that makes them `bytesMax`. */
export async function listRecordsWithin(
  db: Executor,
  condition: RecordCondition,
  range: IdRange,
  limit: number,
  bytesMax: number,
): Promise<AccessRecordRow[]> {
  const rows = await readInBites(limit, bytesMax, (last: Row | undefined, bite) =>
    recordsWithin(db, condition, { ...range, high: last?.id ?? range.high }, bite),
  );
  return rows.map(rowOf);
}

/** Where the records of a list end, besides their number. */
export interface ListEnd {
  readonly beforeId?: number;
  /** The last is the one that makes them so large. */
  readonly bytesMax?: number;
}

/** Records after `afterId`, oldest first: what has come in since. */
export async function listRecordsAfter(
  db: Executor,
  filter: RecordFilter,
  afterId: number,
  limit: number,
  { beforeId = Number.MAX_SAFE_INTEGER, bytesMax = Number.POSITIVE_INFINITY }: ListEnd = {},
): Promise<AccessRecordRow[]> {
  const condition = and(lt(id, beforeId), await conditionOf(db, filter));
  const rows = await readInBites(limit, bytesMax, (last: Row | undefined, bite) =>
    db
      .select(shown)
      .from(accessRecords)
      .where(and(gt(id, last?.id ?? afterId), condition))
      .orderBy(asc(id))
      .limit(bite),
  );
  return rows.map(rowOf);
}

/** Records after one and up to another; `max` at the most. Their ids say when they came, not how many. */
export async function countRecordsBetween(
  db: Executor,
  afterId: number,
  upToId: number,
  max: number,
): Promise<number> {
  const { rows } = await db.execute<{ count: string }>(sql`
    select count(*) as count from (
      select from access_records where id > ${afterId} and id <= ${upToId} limit ${max}) as counted`);
  return Number(rows[0]?.count ?? 0);
}

/** The id so many records after one; null: there are not so many. */
export async function idAhead(
  db: Executor,
  afterId: number,
  records: number,
): Promise<number | null> {
  const [row] = await db
    .select({ id })
    .from(accessRecords)
    .where(gt(id, afterId))
    .orderBy(asc(id))
    .offset(records - 1)
    .limit(1);
  return row?.id ?? null;
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
    sql`select id, edge_id, user_id, outcome, config_version from access_records
      where id > ${afterId} order by id limit ${limit}`,
  );
}

/** So many of the newest are looked through for those of some edges. */
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
    sql`select * from (
        select id, edge_id, user_id, outcome, config_version from access_records
        where id <= ${upToId} order by id desc limit ${recordsBackMax}
      ) newest
      where edge_id = any(${sql.param([...edgeIds])}::text[]) order by id desc limit ${limit}`,
  );
  return counted.filter((one) => one.version === version);
}

async function countDecisions(db: Executor, records: SQL): Promise<CountedDecisions[]> {
  const { rows } = await db.execute<
    Record<Exclude<keyof CountedDecisions, 'signedIn'>, string> & { readonly signedIn: boolean }
  >(sql`
    select edge_id as "edgeId", coalesce(config_version, 0) as version,
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

/**
 * An id after which every record is newer than this answer: where a reader starts to follow. It may
 * be higher than that of the newest record.
 */
export async function newestRecordId(db: Executor): Promise<number> {
  const [row] = await db.select({ id: accessRecordHead.id }).from(accessRecordHead);
  return row?.id ?? 0;
}

/** The record of a request. Ids are made by edges, so the oldest of several is meant. */
export async function findRecord(
  db: Executor,
  correlationId: string,
): Promise<AccessRecordRow | null> {
  const [row] = await db
    .select(shown)
    .from(accessRecords)
    .where(eq(accessRecords.correlationId, correlationId))
    // Not by the id itself: going through all records in its order is never the way to one.
    .orderBy(sql`${id} + 0`)
    .limit(1);
  return row === undefined ? null : rowOf(row);
}
