import type pg from 'pg';
import { type Database, transaction } from '../database.ts';
import { copyIn } from './copy-in.ts';
import { copyHeader, copyTrailer } from './copy-rows.ts';
import { ensureDaysFrom } from './days.ts';
import { dayAt, receivedAtMsOf, recordIdAt } from './ids.ts';
import { countLargeHeaders } from './large-headers.ts';
import { countLegacy } from './legacy.ts';
import type { ReceivedRecord } from './received.ts';
import { copyStatement, type RecordRows } from './record-rows.ts';

/** The place of a record among those that are written together. */
interface Place {
  readonly rows: RecordRows;
  readonly index: number;
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
 * because an edge sends a batch again when the answer got lost: it resolves to them. `nowMs`:
 * instead of the database's clock, by which replicas agree.
 */
export async function storeRecords(
  database: Database,
  batches: readonly RecordRows[],
  nowMs: number | null = null,
): Promise<ReadonlySet<ReceivedRecord>> {
  const known = new Set<ReceivedRecord>();
  const places = placesOf(batches, known);
  if (places.size === 0) return known;
  const days = knownDays.get(database) ?? new Set();
  knownDays.set(database, days);
  let day = -1;
  try {
    await transaction(database.ordinary, async (db, client) => {
      const firstId = await takeIds(client, places.size, nowMs);
      const receivedAtMs = receivedAtMsOf(firstId);
      day = dayAt(receivedAtMs);
      if (!days.has(day)) await ensureDaysFrom(db, day);
      for (const key of await keysThere(client, places, receivedAtMs)) {
        const place = places.get(key);
        const there = place?.rows.records[place.index];
        if (there !== undefined) known.add(there);
        places.delete(key);
      }
      if (places.size === 0) return;
      let id = firstId;
      for (const { rows, index } of places.values()) rows.place(index, id++, receivedAtMs);
      const parts = batches.flatMap((rows) => rows.parts(known));
      await copyIn(client, copyStatement, [copyHeader, ...parts, copyTrailer]);
      await countLegacy(db, day, withSome('legacy', places, receivedAtMs));
      await countLargeHeaders(db, day, withSome('largeHeaders', places, receivedAtMs));
    });
  } catch (error) {
    days.clear();
    throw error;
  }
  days.add(day);
  return known;
}

/** One place for each record, in their order; where a batch has one twice, the second is known. */
function placesOf(batches: readonly RecordRows[], known: Set<ReceivedRecord>): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const rows of batches) {
    for (const [index, received] of rows.records.entries()) {
      const key = keyOf(rows.edgeId, received.record.correlationId);
      if (places.has(key)) known.add(received);
      else places.set(key, { rows, index });
    }
  }
  return places;
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

/**
 * The first of `count` new ids. Holds the row until the transaction ends: writers take turns, so
 * that ids become visible in their order. In one message with the settings of the lookup: nobody
 * else writes while we and the server wait for each other.
 */
async function takeIds(
  client: pg.ClientBase,
  count: number,
  nowMs: number | null,
): Promise<number> {
  const now = nowMs === null ? 'extract(epoch from clock_timestamp()) * 1000' : Math.floor(nowMs);
  const results = (await client.query(`${lookup.settings};
    update access_record_head
    set id = greatest(id + 1, floor(${now})::bigint * 2048) + ${count - 1}
    returning id - ${count - 1} as id`)) as unknown as readonly pg.QueryResult<{ id: string }>[];
  const row = results.at(-1)?.rows[0];
  if (row === undefined) throw new Error('the head of the access records is missing');
  return Number(row.id);
}

/** Writers take turns, so what is not there now nobody else writes meanwhile. */
async function keysThere(
  client: pg.ClientBase,
  places: ReadonlyMap<string, Place>,
  receivedAtMs: number,
): Promise<string[]> {
  const wanted: string[] = [];
  let earliestMs = receivedAtMs;
  for (const { rows, index } of places.values()) {
    wanted.push(rows.records[index]?.record.correlationId ?? '');
    earliestMs = Math.min(earliestMs, rows.timeMs(index, receivedAtMs));
  }
  const sinceMs = Math.max(earliestMs - repeatMs, receivedAtMs - repeatMsMax);
  const { rows: there } = await client.query<{ edge_id: string; correlation_id: string }>(
    lookup.query,
    [wanted, recordIdAt(sinceMs)],
  );
  return there.map(({ edge_id, correlation_id }) => keyOf(edge_id, correlation_id));
}

/** Records that have something in a member, and when they were. */
function withSome(
  member: 'legacy' | 'largeHeaders',
  places: ReadonlyMap<string, Place>,
  receivedAtMs: number,
) {
  return [...places.values()].flatMap(({ rows, index }) => {
    const received = rows.records[index];
    // Records of older edges have no such member.
    const found: readonly unknown[] | undefined = received?.record[member];
    if (received === undefined || found === undefined || found.length === 0) return [];
    return [{ record: received.record, timeMs: rows.timeMs(index, receivedAtMs) }];
  });
}
