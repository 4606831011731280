import { type SQL, sql } from 'drizzle-orm';
import { type IdRange, within } from '../access-records.ts';
import type { Executor } from '../database.ts';
import { accessRecords } from '../schema/index.ts';
import type { RecordCondition } from './filter.ts';

/** What decisions can be counted by: the key of a row, and what it is counted of. */
const groupings = {
  outcome: { key: sql`outcome` },
  /** The deciding one. */
  reason: { key: sql`reasons[1]` },
  rule: { key: sql`rule`, from: sql`cross join lateral unnest(rule_ids) rule` },
  route: { key: sql`route` },
  host: { key: sql`host` },
  user: { key: sql`user_id`, label: sql`max(user_email)` },
  device: { key: sql`device_id` },
  edge: { key: sql`edge_id` },
  address: { key: sql`host(source_address)` },
  hour: { key: sql`(time_ms / 3600000 * 3600000)::text` },
  day: { key: sql`(time_ms / 86400000 * 86400000)::text` },
} as const satisfies Record<string, { key: SQL; from?: SQL; label?: SQL }>;

export type Grouping = keyof typeof groupings;
export const groupingNames = Object.keys(groupings) as readonly Grouping[];

export interface CountedRecords {
  /** null: the records have none. */
  readonly key: string | null;
  /** E-mail address of a user. */
  readonly label: string | null;
  readonly count: number;
  readonly denied: number;
  readonly lastAtMs: number;
}

/** Of one range, those with most records; a flood of unique users has no other effect. */
const keysMax = 2_000;

/** Counts the records of a range by what they have in common. */
export async function countRecords(
  db: Executor,
  by: Grouping,
  condition: RecordCondition,
  range: IdRange,
): Promise<CountedRecords[]> {
  const grouping: { key: SQL; from?: SQL; label?: SQL } = groupings[by];
  const { key, from = sql``, label = sql`null::text` } = grouping;
  const { rows } = await db.execute<Record<keyof CountedRecords, string | null>>(sql`
    select ${key} as key, ${label} as label, count(*) as count,
      count(*) filter (where outcome = 'deny') as denied, max(time_ms) as "lastAtMs"
    from ${accessRecords} ${from}
    where ${within(range, condition)}
    group by 1 order by count(*) desc limit ${keysMax}`);
  return rows.map((row) => ({
    key: row.key,
    label: row.label,
    count: Number(row.count),
    denied: Number(row.denied),
    lastAtMs: Number(row.lastAtMs),
  }));
}
