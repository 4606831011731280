import { sql } from 'drizzle-orm';
import type { Executor } from '../database.ts';
import { dayStartMs, recordIdAt } from './ids.ts';

/**
 * Access records lie in a table for each day on which they came in (UTC). A day goes as a whole, so
 * retention costs nothing that grows with the records.
 */
const table = 'access_records';

/** Days made ahead: so long nobody needs to lead for writers to find their table. */
const daysAhead = 3;

/** Makes the tables of a day and of the days after it, where they are missing. */
export async function ensureDaysFrom(db: Executor, day: number): Promise<void> {
  const known = new Set(await recordDays(db));
  const missing = Array.from({ length: daysAhead + 1 }, (_, ahead) => day + ahead).filter(
    (one) => !known.has(one),
  );
  if (missing.length === 0) return;
  // Who makes days takes turns, and nobody else waits: attaching locks out no reader or writer.
  await db.execute(sql`select pg_advisory_xact_lock(hashtext('sallyport.record_days'))`);
  const made = new Set(await recordDays(db));
  for (const one of missing) if (!made.has(one)) await makeDay(db, one);
}

async function makeDay(db: Executor, day: number): Promise<void> {
  const name = sql.identifier(nameOf(day));
  const parent = sql.identifier(table);
  const [from, to] = [day, day + 1].map((one) => sql.raw(String(recordIdAt(dayStartMs(one)))));
  // What fits into a page stays in the row as it is: putting it apart costs more than all the rest.
  await db.execute(
    sql`create table ${name} (like ${parent} including all) with (toast_tuple_target = 8160)`,
  );
  await db.execute(
    sql`alter table ${parent} attach partition ${name} for values from (${from}) to (${to})`,
  );
}

/** The days that have a table, oldest first. */
export async function recordDays(db: Executor): Promise<number[]> {
  const { rows } = await db.execute<{ name: string }>(sql`
    select part.relname as name from pg_inherits
    join pg_class part on part.oid = inhrelid
    where inhparent = ${table}::regclass order by 1`);
  return rows.flatMap(({ name }) => dayOf(name) ?? []).sort((a, b) => a - b);
}

/** The lowest id that any record can have; above all there can be where there is no day. */
export async function oldestRecordId(db: Executor): Promise<number> {
  const [oldest] = await recordDays(db);
  return oldest === undefined ? Number.MAX_SAFE_INTEGER : recordIdAt(dayStartMs(oldest));
}

/**
 * Drops the oldest day that ended before an instant, in the transaction of the caller, who wants it
 * short: the lock that it takes holds up readers and writers. It gives up where it would have to
 * wait for somebody for long. null: there is none.
 */
export async function dropOldestDay(db: Executor, beforeMs: number): Promise<number | null> {
  const [oldest] = await recordDays(db);
  if (oldest === undefined || dayStartMs(oldest + 1) > beforeMs) return null;
  await db.execute(sql`set local lock_timeout = '200ms'`);
  await db.execute(sql`drop table ${sql.identifier(nameOf(oldest))}`);
  return oldest;
}

/** `access_records_20261123`. */
function nameOf(day: number): string {
  const date = new Date(dayStartMs(day)).toISOString().slice(0, 10);
  return `${table}_${date.replaceAll('-', '')}`;
}

function dayOf(name: string): number | null {
  const [, year, month, day] = /^access_records_(\d{4})(\d\d)(\d\d)$/.exec(name) ?? [];
  if (year === undefined) return null;
  return Date.UTC(Number(year), Number(month) - 1, Number(day)) / 86_400_000;
}
