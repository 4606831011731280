import type { AccessRecord } from '@sallyport/shared/access-record';
import { and, desc, eq, gte, lt, max, min, sql } from 'drizzle-orm';
import type { Executor } from '../database.ts';
import { legacyIdentities } from '../schema/index.ts';
import type { ReceivedRecord } from './received.ts';

/**
 * Identity headers and cookies of the gate that was there before, as requests still bring them:
 * counted by day and route when their records are stored, so that the report costs nothing that
 * grows with the records.
 */
export interface LegacyIdentity {
  readonly route: string;
  /** `header:remote-user`, `cookie:_oauth2_proxy`. */
  readonly name: string;
  readonly requests: number;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
}

/** Names come from edges: more than so many of a batch, or of a day, are nobody's wish. */
const namesPerBatchMax = 64;
const namesPerDayMax = 5_000;
const readable = /^(?:header|cookie):[!-~]{1,60}$/;

type Sighting = Pick<LegacyIdentity, 'route' | 'name' | 'firstSeenAtMs' | 'lastSeenAtMs'> & {
  readonly requests: number;
};

/** A record, and when it was. */
type Timed = Pick<ReceivedRecord, 'record'> & { readonly timeMs: number };

/** Adds what these records brought to the counts of a day. */
export async function countLegacy(
  db: Executor,
  day: number,
  records: readonly Timed[],
): Promise<void> {
  const seen = sightingsOf(records);
  if (seen.length === 0) return;
  // In their order, so that two writers never wait for each other.
  await db.execute(sql`
    insert into legacy_identities as kept
      (day, route, name, requests, first_seen_at_ms, last_seen_at_ms)
    select ${day}::bigint, route, name, requests, first_seen, last_seen
    from unnest(${sql.param(seen.map((one) => one.route))}::text[],
      ${sql.param(seen.map((one) => one.name))}::text[],
      ${sql.param(seen.map((one) => one.requests))}::bigint[],
      ${sql.param(seen.map((one) => one.firstSeenAtMs))}::bigint[],
      ${sql.param(seen.map((one) => one.lastSeenAtMs))}::bigint[])
      as seen(route, name, requests, first_seen, last_seen)
    where (select count(*) from legacy_identities where day = ${day}::bigint) < ${namesPerDayMax}
      or exists (select from legacy_identities same
        where same.day = ${day}::bigint and same.route = seen.route and same.name = seen.name)
    order by route, name
    on conflict (day, route, name) do update set
      requests = kept.requests + excluded.requests,
      first_seen_at_ms = least(kept.first_seen_at_ms, excluded.first_seen_at_ms),
      last_seen_at_ms = greatest(kept.last_seen_at_ms, excluded.last_seen_at_ms)`);
}

function sightingsOf(records: readonly Timed[]): Sighting[] {
  const seen = new Map<string, Sighting>();
  for (const { record, timeMs } of records) {
    // Records of older edges have no such member.
    const { legacy } = record as Partial<AccessRecord>;
    if (legacy === undefined || record.route === null) continue;
    for (const name of new Set(legacy)) {
      if (!readable.test(name)) continue;
      const key = `${record.route} ${name}`;
      const before = seen.get(key);
      if (before === undefined && seen.size >= namesPerBatchMax) continue;
      seen.set(key, {
        route: record.route,
        name,
        requests: (before?.requests ?? 0) + 1,
        firstSeenAtMs: Math.min(before?.firstSeenAtMs ?? timeMs, timeMs),
        lastSeenAtMs: Math.max(before?.lastSeenAtMs ?? timeMs, timeMs),
      });
    }
  }
  return [...seen.values()];
}

/** What was seen since a day, most requests first. */
export async function listLegacy(
  db: Executor,
  sinceDay: number,
  route: string | null,
  limit: number,
): Promise<LegacyIdentity[]> {
  const { day, name, requests, firstSeenAtMs, lastSeenAtMs } = legacyIdentities;
  const total = sql<number>`sum(${requests})`.mapWith(Number);
  return db
    .select({
      route: legacyIdentities.route,
      name,
      requests: total,
      firstSeenAtMs: min(firstSeenAtMs).mapWith(Number),
      lastSeenAtMs: max(lastSeenAtMs).mapWith(Number),
    })
    .from(legacyIdentities)
    .where(and(gte(day, sinceDay), route === null ? undefined : eq(legacyIdentities.route, route)))
    .groupBy(legacyIdentities.route, name)
    .orderBy(desc(total), legacyIdentities.route, name)
    .limit(limit);
}

/** Forgets the counts of days before one; says how many there were. */
export async function forgetLegacy(db: Executor, beforeDay: number): Promise<number> {
  const { rowCount } = await db.delete(legacyIdentities).where(lt(legacyIdentities.day, beforeDay));
  return rowCount ?? 0;
}
