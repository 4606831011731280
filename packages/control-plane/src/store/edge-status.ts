import type { Lane } from '@sallyport/shared/state/model';
import { and, asc, eq, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { blockInForce } from './revocations.ts';
import { type EdgePositions, type EdgeReportRow, edges, revocations } from './schema/index.ts';

export interface KnownEdge {
  readonly id: string;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly lastSeenAtMs: number | null;
  readonly positions: EdgePositions | null;
  readonly report: EdgeReportRow | null;
  /** It takes part no more; what it said last is known all the same. */
  readonly blocked: boolean;
  /** When this was read, on the database's clock. */
  readonly databaseMs: number;
}

/** The edges that joined and were not deleted. */
export async function readKnownEdges(db: Executor, nowMs: number): Promise<KnownEdge[]> {
  const block = db
    .select({ id: revocations.id })
    .from(revocations)
    .where(
      and(eq(revocations.target, 'edge'), eq(revocations.subjectId, edges.id), blockInForce(nowMs)),
    );
  return db
    .select({
      id: edges.id,
      region: edges.region,
      labels: edges.labels,
      lastSeenAtMs: edges.lastSeenAtMs,
      positions: edges.positions,
      report: edges.report,
      blocked: sql<boolean>`exists ${block}`,
      databaseMs: sql<number>`${databaseMs}`,
    })
    .from(edges)
    .orderBy(asc(edges.id));
}

/** Of these edges, those that the database knows, and whether they are blocked now. */
export async function readStandings(
  db: Executor,
  ids: readonly string[],
  nowMs: number,
): Promise<ReadonlyMap<string, 'known' | 'blocked'>> {
  const block = db
    .select({ id: revocations.id })
    .from(revocations)
    .where(
      and(eq(revocations.target, 'edge'), eq(revocations.subjectId, edges.id), blockInForce(nowMs)),
    );
  const rows = await db
    .select({ id: edges.id, blocked: sql<boolean>`exists ${block}` })
    .from(edges)
    .where(sql`${edges.id} = any(${sql.param([...ids])}::text[])`);
  return new Map(rows.map(({ id, blocked }) => [id, blocked ? 'blocked' : 'known']));
}

/** What time it is for the database, milliseconds: replicas with clocks of their own agree on it. */
export async function readDatabaseMs(db: Executor): Promise<number> {
  const { rows } = await db.execute<{ ms: number }>(sql`select floor(${databaseMs}) as ms`);
  return Number(rows[0]?.ms);
}

const databaseMs = sql`(extract(epoch from clock_timestamp()) * 1000)::float8`;

export interface SeenEdge {
  readonly id: string;
  readonly lastSeenAtMs: number;
  readonly softwareVersion: string;
  readonly positions: EdgePositions;
  /** How long ago the edge said what it enforces; a lane is absent where that is not known. */
  readonly enforcedAgoMs: { readonly [lane in Lane]?: number };
  readonly report: EdgeReportRow;
}

/**
 * Notes what this replica sees of its edges; all of them in one statement. An edge may have streams
 * to several replicas: a lane's positions go forwards alone, and each writes the lanes it carries,
 * in place of what was there of them.
 */
export async function saveSeenEdges(db: Executor, seen: readonly SeenEdge[]): Promise<void> {
  await db.execute(sql`
    update ${edges} set
      last_seen_at_ms = greatest(coalesce(${edges.lastSeenAtMs}, 0), seen."lastSeenAtMs"),
      software_version = seen."softwareVersion",
      positions = coalesce(${edges.positions}, '{}'::jsonb) || (
        select coalesce(
          jsonb_object_agg(
            said.key,
            said.value || jsonb_build_object(
              'enforcedAtMs', ${databaseMs} - (seen."enforcedAgoMs" ->> said.key)::float8
            )
          ),
          '{}'::jsonb
        )
        from jsonb_each(seen.positions) said
        where row(
          coalesce((said.value #>> '{enforced,epoch}')::bigint, -1),
          coalesce((said.value #>> '{enforced,rev}')::bigint, -1)
        ) >= row(
          coalesce((${edges.positions} -> said.key #>> '{enforced,epoch}')::bigint, -1),
          coalesce((${edges.positions} -> said.key #>> '{enforced,rev}')::bigint, -1)
        )
      ),
      report = coalesce(${edges.report}, '{}'::jsonb) || jsonb_strip_nulls(seen.report - 'lanes')
        || jsonb_build_object(
          'seenAtMs', ${databaseMs},
          'lanes', coalesce(${edges.report} -> 'lanes', '{}'::jsonb) || (seen.report -> 'lanes')
        )
    from jsonb_to_recordset(${JSON.stringify(seen)}::jsonb) as seen(
      id text, "lastSeenAtMs" bigint, "softwareVersion" text, positions jsonb,
      "enforcedAgoMs" jsonb, report jsonb)
    where ${edges.id} = seen.id`);
}
