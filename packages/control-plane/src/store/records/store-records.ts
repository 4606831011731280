import { parseAddress, parseNetwork } from '@sallyport/policy';
import { sql } from 'drizzle-orm';
import type pg from 'pg';
import { type Database, type Executor, transaction } from '../database.ts';
import { copyIn } from './copy-in.ts';
import { CopyRows } from './copy-rows.ts';
import { ensureDaysFrom } from './days.ts';
import { dayAt, receivedAtMsOf, recordIdAt } from './ids.ts';
import { countLegacy } from './legacy.ts';
import type { ReceivedRecord } from './received.ts';

/** Records of one edge: that of its certificate, whatever the records say. */
export interface EdgeRecords {
  readonly edgeId: string;
  readonly records: readonly ReceivedRecord[];
}

interface Row extends ReceivedRecord {
  readonly edgeId: string;
  /** When it was, as its edge says, but not after it came in. */
  readonly timeMs: number;
}

/**
 * A record that comes again within this time is known, whatever its own time says; so is one that
 * comes later, where its edge's clock is not ahead by more.
 */
const repeatMs = 3_600_000;
/** An edge keeps records that it cannot send for long, but what comes after this may be doubled. */
const repeatMsMax = 7 * 86_400_000;

/** Days that are known to have a table. */
const knownDays = new WeakMap<Database, Set<number>>();

/**
 * Writes records; they are durable when this resolves. Those that are there already are skipped,
 * because an edge sends a batch again when the answer got lost. `nowMs`: instead of the database's
 * clock, by which replicas agree.
 */
export async function storeRecords(
  database: Database,
  batches: readonly EdgeRecords[],
  nowMs: number | null = null,
): Promise<void> {
  const count = batches.reduce((sum, { records }) => sum + records.length, 0);
  if (count === 0) return;
  const days = knownDays.get(database) ?? new Set();
  knownDays.set(database, days);
  let day = -1;
  try {
    await transaction(database.ordinary, async (db, client) => {
      const firstId = await takeIds(db, count, nowMs);
      const receivedAtMs = receivedAtMsOf(firstId);
      day = dayAt(receivedAtMs);
      if (!days.has(day)) await ensureDaysFrom(db, day);
      const rows = rowsOf(batches, receivedAtMs);
      const fresh = await withoutKnown(client, rows, receivedAtMs);
      if (fresh.length === 0) return;
      await copyIn(client, copyStatement, encodeRows(fresh, firstId));
      await countLegacy(db, day, fresh);
    });
  } catch (error) {
    days.clear();
    throw error;
  }
  days.add(day);
}

/**
 * The first of `count` new ids. Holds the row until the transaction ends: writers take turns, so
 * that ids become visible in their order.
 */
async function takeIds(db: Executor, count: number, nowMs: number | null): Promise<number> {
  const now = nowMs === null ? sql`(extract(epoch from clock_timestamp()) * 1000)` : sql`${nowMs}`;
  const { rows } = await db.execute<{ id: string }>(sql`
    update access_record_head
    set id = greatest(id + 1, floor(${now}::numeric)::bigint * 2048) + ${count - 1}
    returning id - ${count - 1} as id`);
  const [row] = rows;
  if (row === undefined) throw new Error('the head of the access records is missing');
  return Number(row.id);
}

/** One row of each record, even where a batch has it twice. */
function rowsOf(batches: readonly EdgeRecords[], receivedAtMs: number): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const { edgeId, records } of batches) {
    for (const received of records) {
      const key = keyOf(edgeId, received.record.correlationId);
      if (rows.has(key)) continue;
      const timeMs = Date.parse(received.record.time);
      // A time that is none, or before 1970, is that of arrival; so is one in the future.
      const then = timeMs >= 0 ? Math.min(timeMs, receivedAtMs) : receivedAtMs;
      rows.set(key, { ...received, edgeId, timeMs: then });
    }
  }
  return rows;
}

function keyOf(edgeId: string, correlationId: string): string {
  return `${edgeId}\n${correlationId}`;
}

/**
 * Which of some records are there. One by one ("offset 0" keeps it so) and without bitmaps: of a day
 * without statistics the planner thinks that most of it matches so many, and reads all of the last
 * hour for each batch. By what it thinks it would compile the plan, too.
 */
export const lookup = {
  settings: 'set local enable_bitmapscan = off; set local jit = off',
  query: `select found.edge_id, found.correlation_id
    from unnest($1::text[]) as wanted (correlation_id)
    cross join lateral (
      select edge_id, correlation_id from access_records
      where correlation_id = wanted.correlation_id and id >= $2::bigint offset 0
    ) as found`,
} as const;

/** Writers take turns, so what is not there now nobody else writes meanwhile. */
async function withoutKnown(
  client: pg.ClientBase,
  rows: Map<string, Row>,
  receivedAtMs: number,
): Promise<Row[]> {
  let earliestMs = receivedAtMs;
  for (const { timeMs } of rows.values()) earliestMs = Math.min(earliestMs, timeMs);
  const sinceMs = Math.max(earliestMs - repeatMs, receivedAtMs - repeatMsMax);
  await client.query(lookup.settings);
  const { rows: known } = await client.query<{ edge_id: string; correlation_id: string }>(
    lookup.query,
    [[...rows.values()].map(({ record }) => record.correlationId), recordIdAt(sinceMs)],
  );
  for (const { edge_id, correlation_id } of known) rows.delete(keyOf(edge_id, correlation_id));
  return [...rows.values()];
}

const columns = [
  'id',
  'time_ms',
  'config_version',
  'shadow_version',
  'edge_id',
  'correlation_id',
  'user_id',
  'user_email',
  'device_id',
  'route',
  'host',
  'outcome',
  'reasons',
  'rule_ids',
  'source_address',
  'record',
];
const copyStatement = `copy access_records (${columns.join(', ')}) from stdin (format binary)`;
/** Beside the record itself. */
const rowBytes = 512;

function encodeRows(rows: readonly Row[], firstId: number): Buffer {
  const bytes = rows.reduce((sum, { json }) => sum + json.length + rowBytes, 64);
  const copy = new CopyRows(bytes);
  for (const [index, { record, json, edgeId, timeMs }] of rows.entries()) {
    copy.row(columns.length);
    copy.bigint(firstId + index);
    copy.bigint(timeMs);
    copy.bigint(versionOf(record.configVersion));
    copy.bigint(versionOf((record as Partial<typeof record>).shadow?.version));
    copy.text(edgeId);
    copy.text(record.correlationId);
    copy.text(record.userId);
    copy.text(record.userEmail);
    copy.text(record.deviceId);
    copy.text(record.route);
    copy.text(record.host);
    copy.text(record.outcome);
    copy.texts(record.reasons);
    copy.texts(record.ruleIds);
    const network = record.sourceAddress.includes('/') ? parseNetwork(record.sourceAddress) : null;
    copy.inet(network ?? parseAddress(record.sourceAddress), network?.prefix);
    copy.bytes(json);
  }
  return copy.finish();
}

/** What edges say is not ours to trust: of another version, they may say nothing, or anything. */
function versionOf(version: unknown): number | null {
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : null;
}
