import { and, asc, eq, notExists, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { blockInForce } from './revocations.ts';
import { type EdgePositions, edges, revocations } from './schema/index.ts';

export interface KnownEdge {
  readonly id: string;
  readonly region: string;
  readonly lastSeenAtMs: number | null;
  readonly positions: EdgePositions | null;
}

/** The edges that may take part: joined, not deleted, not blocked. */
export async function readKnownEdges(db: Executor, nowMs: number): Promise<KnownEdge[]> {
  const blocked = db
    .select({ id: revocations.id })
    .from(revocations)
    .where(
      and(eq(revocations.target, 'edge'), eq(revocations.subjectId, edges.id), blockInForce(nowMs)),
    );
  return db
    .select({
      id: edges.id,
      region: edges.region,
      lastSeenAtMs: edges.lastSeenAtMs,
      positions: edges.positions,
    })
    .from(edges)
    .where(notExists(blocked))
    .orderBy(asc(edges.id));
}

export interface SeenEdge {
  readonly id: string;
  readonly lastSeenAtMs: number;
  readonly softwareVersion: string;
  readonly positions: EdgePositions;
}

/** Notes what this replica sees of its edges; all of them in one statement. */
export async function saveSeenEdges(db: Executor, seen: readonly SeenEdge[]): Promise<void> {
  await db.execute(sql`
    update ${edges} set
      last_seen_at_ms = seen."lastSeenAtMs",
      software_version = seen."softwareVersion",
      positions = seen.positions
    from jsonb_to_recordset(${JSON.stringify(seen)}::jsonb)
      as seen(id text, "lastSeenAtMs" bigint, "softwareVersion" text, positions jsonb)
    where ${edges.id} = seen.id`);
}
