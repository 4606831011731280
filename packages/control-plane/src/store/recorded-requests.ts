import type { Facts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { and, desc, eq, gte, lt, type SQL, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { dayAt, dayStartMs, receivedAtMsOf, recordIdAt } from './records/ids.ts';
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

/**
 * The requests of a window, newest first, page by page, each read on its own: no transaction stays
 * open meanwhile, and a table of any size passes through little memory.
 */
export async function* recordedRequests(
  db: Executor,
  window: RecordWindow,
): AsyncGenerator<readonly RecordedRequest[]> {
  const { id, correlationId, record, route } = accessRecords;
  yield* pagesDown(
    recordIdAt(window.untilMs + 1),
    (beforeId): Promise<RecordedRequest[]> =>
      db
        .select({
          id,
          correlationId,
          facts: sql<Facts | null>`${wholeFacts(sql`${record}`)}`,
        })
        .from(accessRecords)
        .where(
          and(
            gte(id, recordIdAt(window.sinceMs)),
            lt(id, beforeId),
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

/** What was decided on; nothing where something was taken out of it (access-record.ts). */
function wholeFacts(record: SQL): SQL {
  return sql`case when (${record} -> 'redacted')::jsonb - 'userAgent' <> '[]'::jsonb then null
    else nullif((${record} -> 'facts')::jsonb, 'null'::jsonb) end`;
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
  const fromId = recordIdAt(window.sinceMs);
  const beforeId = recordIdAt(window.untilMs + 1);
  // Whole days for the step to the next user: nothing within a day has to be passed over.
  const firstId = recordIdAt(dayStartMs(dayAt(window.sinceMs)));
  const lastId = recordIdAt(dayStartMs(dayAt(receivedAtMsOf(beforeId)) + 1));
  for (let after = ''; ; ) {
    const { rows } = await db.execute<RequestOfUser>(sql`
      with recursive users(id) as (
        (select min(user_id) from access_records
          where user_id > ${after} and id >= ${firstId} and id < ${lastId})
        union all
        select (select min(user_id) from access_records
          where user_id > users.id and access_records.id >= ${firstId}
            and access_records.id < ${lastId})
        from users where users.id is not null
      ), page as (select id from users where id is not null limit ${usersPerPage})
      select page.id as "userId", newest.id::float8 as id, "correlationId", facts
      from page left join lateral (
        select id, correlation_id as "correlationId",
          ${wholeFacts(sql`record`)} as facts
        from access_records
        where user_id = page.id and id >= ${fromId} and id < ${beforeId}
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
  const { id, correlationId, record, shadowVersion } = accessRecords;
  const fromId = recordIdAt(sinceMs);
  yield* pagesDown(
    Number.MAX_SAFE_INTEGER,
    (beforeId): Promise<ShadowedRequest[]> =>
      db
        .select({ id, correlationId, record })
        .from(accessRecords)
        .where(and(eq(shadowVersion, version), gte(id, fromId), lt(id, beforeId)))
        .orderBy(desc(id))
        .limit(pageRows),
  );
}
