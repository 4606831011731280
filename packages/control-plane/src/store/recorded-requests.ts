import type { Facts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { and, asc, desc, eq, gt, gte, lt, lte, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { accessRecords } from './schema/index.ts';

/** A request as it was decided on. */
export interface RecordedRequest {
  readonly id: number;
  readonly correlationId: string;
  /** null: nothing was decided. */
  readonly facts: Facts | null;
}

/** Requests by when they came in here; both ends belong to it. */
export interface RecordWindow {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly route?: string;
}

/** Small enough that one page keeps nobody waiting for long. */
const pageRows = 500;
/** Twice what the clock of a replica may be wrong by: ids rise in the order of commits. */
const skewMs = 60_000;

/**
 * The requests of a window, newest first, page by page, each read on its own: no transaction stays
 * open meanwhile, and a table of any size passes through little memory.
 */
export async function* recordedRequests(
  db: Executor,
  window: RecordWindow,
): AsyncGenerator<readonly RecordedRequest[]> {
  const { id, correlationId, receivedAtMs, record, route } = accessRecords;
  const afterId = await idBefore(db, window.sinceMs - skewMs);
  const newestId = await idAfter(db, window.untilMs + skewMs);
  yield* pagesDown(
    newestId,
    (beforeId): Promise<RecordedRequest[]> =>
      db
        .select({
          id,
          correlationId,
          facts: sql<Facts | null>`nullif(${record} -> 'facts', 'null'::jsonb)`,
        })
        .from(accessRecords)
        .where(
          and(
            gt(id, afterId),
            lt(id, beforeId),
            gte(receivedAtMs, window.sinceMs),
            lte(receivedAtMs, window.untilMs),
            window.route === undefined ? undefined : eq(route, window.route),
          ),
        )
        .orderBy(desc(id))
        .limit(pageRows),
  );
}

/** Pages of up to `pageRows`, each of what has lower ids than the one before. */
async function* pagesDown<Row extends { readonly id: number }>(
  fromId: number,
  read: (beforeId: number) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  for (let beforeId = fromId; ; ) {
    const page = await read(beforeId);
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return;
    beforeId = last.id;
  }
}

type RequestOfUser = Record<string, unknown> & RecordedRequest & { readonly userId: string };

const usersPerPage = 100;
const requestsOfUser = 20;

/**
 * The newest requests of each user in a window, some users at a time, in the order of their ids,
 * which says nothing about them. Steps from one user to the next in the index: what somebody asks
 * for very often costs no more than what others do.
 */
export async function* newestOfEachUser(
  db: Executor,
  window: RecordWindow,
): AsyncGenerator<readonly RecordedRequest[]> {
  const afterId = await idBefore(db, window.sinceMs - skewMs);
  const beforeId = await idAfter(db, window.untilMs + skewMs);
  for (let after = ''; ; ) {
    const { rows } = await db.execute<RequestOfUser>(sql`
      with recursive users(id) as (
        (select min(user_id) from access_records where user_id > ${after})
        union all
        select (select min(user_id) from access_records where user_id > users.id)
        from users where users.id is not null
      ), page as (select id from users where id is not null limit ${usersPerPage})
      select page.id as "userId", newest.id::float8 as id, "correlationId", facts
      from page left join lateral (
        select id, correlation_id as "correlationId",
          nullif(record -> 'facts', 'null'::jsonb) as facts
        from access_records
        where user_id = page.id and id > ${afterId} and id < ${beforeId}
          and received_at_ms between ${window.sinceMs} and ${window.untilMs}
        order by access_records.id desc limit ${requestsOfUser}
      ) newest on true
      order by page.id, newest.id desc`);
    const found = rows.filter((row) => (row.id as number | null) !== null);
    if (found.length > 0) yield found;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.userId;
  }
}

/** A request about which a shadow says something else. */
export interface ShadowedRequest {
  readonly id: number;
  readonly correlationId: string;
  readonly record: AccessRecord;
}

/** The requests that a version would have decided otherwise, newest first, page by page. */
export async function* shadowedRequests(
  db: Executor,
  version: number,
  sinceMs: number,
): AsyncGenerator<readonly ShadowedRequest[]> {
  const { id, correlationId, receivedAtMs, record, shadowVersion } = accessRecords;
  yield* pagesDown(
    Number.MAX_SAFE_INTEGER,
    (beforeId): Promise<ShadowedRequest[]> =>
      db
        .select({ id, correlationId, record })
        .from(accessRecords)
        .where(and(eq(shadowVersion, version), gte(receivedAtMs, sinceMs), lt(id, beforeId)))
        .orderBy(desc(id))
        .limit(pageRows),
  );
}

/** The record that came in last before an instant; 0: none did. */
async function idBefore(db: Executor, atMs: number): Promise<number> {
  const { id, receivedAtMs } = accessRecords;
  const [row] = await db
    .select({ id })
    .from(accessRecords)
    .where(lt(receivedAtMs, atMs))
    .orderBy(desc(receivedAtMs), desc(id))
    .limit(1);
  return row?.id ?? 0;
}

/** The record that came in first after an instant; where none did, more than any has. */
async function idAfter(db: Executor, atMs: number): Promise<number> {
  const { id, receivedAtMs } = accessRecords;
  const [row] = await db
    .select({ id })
    .from(accessRecords)
    .where(gt(receivedAtMs, atMs))
    .orderBy(asc(receivedAtMs), asc(id))
    .limit(1);
  return row?.id ?? Number.MAX_SAFE_INTEGER;
}
