import { newestRecordId } from '../store/access-records.ts';
import { type Database, read } from '../store/database.ts';
import {
  type CountedRecords,
  countRecords,
  type Grouping,
} from '../store/records/count-records.ts';
import { oldestRecordId } from '../store/records/days.ts';
import { conditionOf, type RecordFilter } from '../store/records/filter.ts';
import { receivedAtMsOf } from '../store/records/ids.ts';
import { readInTurn } from './read-in-turn.ts';
import { walkDown } from './slices.ts';

export interface Summary {
  readonly rows: readonly CountedRecords[];
  /** Records counted; with `rule` one for each of its rules. */
  readonly counted: number;
  /** Keys beyond those that are shown. */
  readonly more: number;
  /** What came in before this instant is not counted; null: everything is. */
  readonly cutAtMs: number | null;
}

const summaryMs = 6_000;
const keysMax = 20_000;

/** Counts decisions, newest first, as far as it comes in its time. Rows with most come first. */
export async function summarise(
  database: Database,
  by: Grouping,
  filter: RecordFilter,
  limit: number,
): Promise<Summary> {
  const { condition, lowId, newestId } = await read(database, async (db) => ({
    condition: await conditionOf(db, filter),
    lowId: await oldestRecordId(db),
    newestId: await newestRecordId(db),
  }));
  const totals = new Map<string | null, CountedRecords>();
  let counted = 0;
  let left = 0;
  const bounds = { lowId, highId: newestId + 1, stopAtMs: performance.now() + summaryMs };
  const walk = await walkDown(filter, bounds, async (slice) => {
    const rows = await readInTurn(database, (db) => countRecords(db, by, condition, slice));
    for (const row of rows) {
      counted += row.count;
      const before = totals.get(row.key);
      if (before === undefined && totals.size >= keysMax) left += 1;
      else totals.set(row.key, before === undefined ? row : sumOf(before, row));
    }
    return 'more';
  });
  const sorted = [...totals.values()].sort(isTime(by) ? byKey : byCount);
  return {
    rows: sorted.slice(0, limit),
    counted,
    more: Math.max(0, sorted.length - limit) + left,
    cutAtMs: walk.complete ? null : receivedAtMsOf(walk.downTo),
  };
}

function isTime(by: Grouping): boolean {
  return by === 'hour' || by === 'day';
}

/** The newer slice comes first: what it is called there holds. */
function sumOf(newer: CountedRecords, older: CountedRecords): CountedRecords {
  return {
    key: newer.key,
    label: newer.label ?? older.label,
    count: newer.count + older.count,
    denied: newer.denied + older.denied,
    lastAtMs: Math.max(newer.lastAtMs, older.lastAtMs),
  };
}

function byCount(one: CountedRecords, other: CountedRecords): number {
  return other.count - one.count || byKey(one, other);
}

function byKey(one: CountedRecords, other: CountedRecords): number {
  return (one.key ?? '') < (other.key ?? '') ? -1 : 1;
}
