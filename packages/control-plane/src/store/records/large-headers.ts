import type { AccessRecord } from '@sallyport/shared/access-record';
import { and, desc, eq, gte, lt, max, sql } from 'drizzle-orm';
import type { Executor } from '../database.ts';
import { largeHeaders } from '../schema/index.ts';

/**
 * How often permitted requests came near the limits of their routes for headers and cookies, and how
 * large they were at most: counted by day and route when their records are stored, so that the report
 * costs nothing that grows with the records.
 */
export interface LargeHeadersOfRoute {
  readonly route: string;
  readonly what: string;
  /** Within the limit, but above 80 % of it. */
  readonly near: number;
  readonly over: number;
  readonly mostBytes: number;
  /** As it was for the latest of them. */
  readonly limitBytes: number;
  readonly lastSeenAtMs: number;
}

/** Routes come from edges: more than so many of a batch, or of a day, are nobody's wish. */
const rowsPerBatchMax = 256;
const rowsPerDayMax = 10_000;

/** A record, and when it was. */
export interface Timed {
  readonly record: Pick<AccessRecord, 'route'> & Partial<Pick<AccessRecord, 'largeHeaders'>>;
  readonly timeMs: number;
}

/** Adds what these records say to the counts of a day. */
export async function countLargeHeaders(
  db: Executor,
  day: number,
  records: readonly Timed[],
): Promise<void> {
  const seen = countsOf(records);
  if (seen.length === 0) return;
  const column = <T>(read: (one: LargeHeadersOfRoute) => T) => sql.param(seen.map(read));
  // In their order, so that two writers never wait for each other.
  await db.execute(sql`
    insert into large_headers as kept
      (day, route, what, near, over, most_bytes, limit_bytes, last_seen_at_ms)
    select ${day}::bigint, seen.*
    from unnest(${column(({ route }) => route)}::text[], ${column(({ what }) => what)}::text[],
      ${column(({ near }) => near)}::bigint[], ${column(({ over }) => over)}::bigint[],
      ${column(({ mostBytes }) => mostBytes)}::bigint[],
      ${column(({ limitBytes }) => limitBytes)}::bigint[],
      ${column(({ lastSeenAtMs }) => lastSeenAtMs)}::bigint[])
      as seen(route, what, near, over, most_bytes, limit_bytes, last_seen)
    where (select count(*) from large_headers where day = ${day}::bigint) < ${rowsPerDayMax}
      or exists (select from large_headers same
        where same.day = ${day}::bigint and same.route = seen.route and same.what = seen.what)
    order by route, what
    on conflict (day, route, what) do update set
      near = kept.near + excluded.near,
      over = kept.over + excluded.over,
      most_bytes = greatest(kept.most_bytes, excluded.most_bytes),
      limit_bytes = case when excluded.last_seen_at_ms >= kept.last_seen_at_ms
        then excluded.limit_bytes else kept.limit_bytes end,
      last_seen_at_ms = greatest(kept.last_seen_at_ms, excluded.last_seen_at_ms)`);
}

function countsOf(records: readonly Timed[]): LargeHeadersOfRoute[] {
  const counts = new Map<string, LargeHeadersOfRoute>();
  for (const { record, timeMs } of records) {
    const { route, largeHeaders: all = [] } = record;
    if (route === null) continue;
    for (const { what, bytes, limit } of all) {
      const key = `${route} ${what}`;
      const before = counts.get(key);
      if (before === undefined && counts.size >= rowsPerBatchMax) continue;
      const isLatest = before === undefined || timeMs >= before.lastSeenAtMs;
      counts.set(key, {
        route,
        what,
        near: (before?.near ?? 0) + (bytes > limit ? 0 : 1),
        over: (before?.over ?? 0) + (bytes > limit ? 1 : 0),
        mostBytes: Math.max(before?.mostBytes ?? 0, bytes),
        limitBytes: isLatest ? limit : before.limitBytes,
        lastSeenAtMs: isLatest ? timeMs : before.lastSeenAtMs,
      });
    }
  }
  return [...counts.values()];
}

/** What was seen since a day; routes with most requests over a limit first. */
export async function listLargeHeaders(
  db: Executor,
  sinceDay: number,
  route: string | null,
  limit: number,
): Promise<LargeHeadersOfRoute[]> {
  const { day, what, near, over, mostBytes, limitBytes, lastSeenAtMs } = largeHeaders;
  const sum = (column: typeof near | typeof over) => sql<number>`sum(${column})`.mapWith(Number);
  const ofRoute = route === null ? undefined : eq(largeHeaders.route, route);
  return db
    .select({
      route: largeHeaders.route,
      what,
      near: sum(near),
      over: sum(over),
      mostBytes: max(mostBytes).mapWith(Number),
      limitBytes: sql<number>`(array_agg(${limitBytes} order by ${lastSeenAtMs} desc))[1]`.mapWith(
        Number,
      ),
      lastSeenAtMs: max(lastSeenAtMs).mapWith(Number),
    })
    .from(largeHeaders)
    .where(and(gte(day, sinceDay), ofRoute))
    .groupBy(largeHeaders.route, what)
    .orderBy(desc(sum(over)), desc(sum(near)), largeHeaders.route, what)
    .limit(limit);
}

/** Forgets the counts of days before one. */
export async function forgetLargeHeaders(db: Executor, beforeDay: number): Promise<void> {
  await db.delete(largeHeaders).where(lt(largeHeaders.day, beforeDay));
}
