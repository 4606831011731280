import type { EdgeKeys } from '@sallyport/shared/state/model';
import { and, asc, eq, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { blockInForce } from './revocations.ts';
import { edges, joinTokens, revocations } from './schema/index.ts';

export type EdgeRow = typeof edges.$inferSelect;

export async function insertEdge(db: Executor, row: typeof edges.$inferInsert): Promise<void> {
  await db.insert(edges).values(row);
}

export async function findEdge(db: Executor, id: string): Promise<EdgeRow | null> {
  const [row] = await db.select().from(edges).where(eq(edges.id, id));
  return row ?? null;
}

/** Notes new certificates and keys of an edge. null: it was deleted. */
export async function renewEdge(
  db: Executor,
  id: string,
  change: Pick<EdgeRow, 'assertionJwks' | 'identitySha256' | 'identityNotAfterMs' | 'renewedAtMs'>,
): Promise<EdgeRow | null> {
  const [row] = await db.update(edges).set(change).where(eq(edges.id, id)).returning();
  return row ?? null;
}

export async function deleteEdge(db: Executor, id: string): Promise<boolean> {
  const deleted = await db.delete(edges).where(eq(edges.id, id)).returning({ id: edges.id });
  return deleted.length > 0;
}

/** All edges: they are few thousands at the most. */
export async function readEdges(db: Executor): Promise<EdgeRow[]> {
  return db.select().from(edges).orderBy(asc(edges.id));
}

export function edgeKeysOp(row: Pick<EdgeRow, 'id' | 'region' | 'assertionJwks'>): EdgeKeys {
  return {
    op: 'edge_keys',
    edgeId: row.id,
    region: row.region,
    assertionJwks: row.assertionJwks,
  };
}

export async function insertJoinToken(
  db: Executor,
  row: Omit<typeof joinTokens.$inferSelect, 'usedAtMs' | 'usedByEdgeId'>,
): Promise<void> {
  await db.insert(joinTokens).values(row);
}

/**
 * Uses a join token for this edge. False: unknown, expired or used before; the caller tells nobody
 * which. Of two transactions at the same time the second waits and then gets false.
 */
export async function useJoinToken(
  db: Executor,
  tokenHash: Uint8Array,
  edgeId: string,
  nowMs: number,
): Promise<boolean> {
  const [row] = await db
    .select()
    .from(joinTokens)
    .where(eq(joinTokens.tokenHash, tokenHash))
    .for('update');
  if (row === undefined || row.usedAtMs !== null || row.expiresAtMs <= nowMs) return false;
  await db
    .update(joinTokens)
    .set({ usedAtMs: nowMs, usedByEdgeId: edgeId })
    .where(eq(joinTokens.id, row.id));
  return true;
}

export interface EdgeView {
  readonly edge: EdgeRow;
  readonly blocked: boolean;
}

export async function listEdges(
  db: Executor,
  filter: { readonly region?: string },
  page: PageRequest,
  nowMs: number,
): Promise<EdgeView[]> {
  const { region } = filter;
  return selectViews(db, nowMs)
    .where(
      and(
        region === undefined ? undefined : eq(edges.region, region),
        afterCursor(page, edges.joinedAtMs, edges.id),
      ),
    )
    .orderBy(...newestFirst(edges.joinedAtMs, edges.id))
    .limit(page.limit + 1);
}

export async function findEdgeView(
  db: Executor,
  id: string,
  nowMs: number,
): Promise<EdgeView | null> {
  const [row] = await selectViews(db, nowMs).where(eq(edges.id, id));
  return row ?? null;
}

function selectViews(db: Executor, nowMs: number) {
  const block = db
    .select({ id: revocations.id })
    .from(revocations)
    .where(
      and(eq(revocations.target, 'edge'), eq(revocations.subjectId, edges.id), blockInForce(nowMs)),
    );
  return db.select({ edge: edges, blocked: sql<boolean>`exists ${block}` }).from(edges);
}

/** Assertion keys of all edges that are not blocked, as JWK texts. */
export async function readAssertionJwks(db: Executor, nowMs: number): Promise<string[]> {
  const rows = await selectViews(db, nowMs).orderBy(asc(edges.id));
  return rows.filter((row) => !row.blocked).flatMap((row) => row.edge.assertionJwks);
}
