import { and, count, eq, gt, isNull, lt, ne, or, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { adminTokens, type Role } from './schema/index.ts';

export type AdminTokenRow = typeof adminTokens.$inferSelect;

const lastUsedGranularityMs = 60_000;

/** The token with this hash if it holds now, or null: nobody is told why not. */
export async function findHoldingToken(
  db: Executor,
  tokenHash: Uint8Array,
  nowMs: number,
): Promise<AdminTokenRow | null> {
  const [row] = await db
    .select()
    .from(adminTokens)
    .where(and(eq(adminTokens.tokenHash, tokenHash), holds(nowMs)));
  return row ?? null;
}

/** Whether the token with this id holds and has the role. */
export async function tokenHolds(
  db: Executor,
  id: string,
  role: Role,
  nowMs: number,
): Promise<boolean> {
  const [row] = await db
    .select({ id: adminTokens.id })
    .from(adminTokens)
    .where(and(eq(adminTokens.id, id), eq(adminTokens.role, role), holds(nowMs)));
  return row !== undefined;
}

/**
 * Holds the token against its revocation until the transaction ends: a revocation either comes
 * first and is seen by what is read next, or waits for this write. The lock is not that of the row,
 * because many short writes could keep a row's lock from a revocation for ever; this one queues.
 */
export async function holdToken(db: Executor, id: string): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock_shared(${lockOf(id)})`);
}

/** Lets writes to the tokens take turns; before `holdToken`, so that two cannot wait in a ring. */
export async function lockTokens(db: Executor): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock(${lockOf('')})`);
}

/** Notes the use of a token, once a minute at the most. */
export async function touchToken(db: Executor, row: AdminTokenRow, nowMs: number): Promise<void> {
  const staleMs = nowMs - lastUsedGranularityMs;
  if (row.lastUsedAtMs !== null && row.lastUsedAtMs > staleMs) return;
  await db
    .update(adminTokens)
    .set({ lastUsedAtMs: nowMs })
    .where(
      and(
        eq(adminTokens.id, row.id),
        or(isNull(adminTokens.lastUsedAtMs), lt(adminTokens.lastUsedAtMs, staleMs)),
      ),
    );
}

export async function insertToken(
  db: Executor,
  row: Omit<AdminTokenRow, 'lastUsedAtMs' | 'revokedAtMs'>,
): Promise<void> {
  await db.insert(adminTokens).values(row);
}

export async function findToken(db: Executor, id: string): Promise<AdminTokenRow | null> {
  const [row] = await db.select().from(adminTokens).where(eq(adminTokens.id, id));
  return row ?? null;
}

export async function listTokens(db: Executor, page: PageRequest): Promise<AdminTokenRow[]> {
  return db
    .select()
    .from(adminTokens)
    .where(afterCursor(page, adminTokens.createdAtMs, adminTokens.id))
    .orderBy(...newestFirst(adminTokens.createdAtMs, adminTokens.id))
    .limit(page.limit + 1);
}

/** Locks the owners' tokens and counts those that hold beside this one. */
export async function countOtherOwners(db: Executor, id: string, nowMs: number): Promise<number> {
  const isOwner = eq(adminTokens.role, 'owner');
  await db
    .select({ id: adminTokens.id })
    .from(adminTokens)
    .where(isOwner)
    .orderBy(adminTokens.id)
    .for('update');
  const [row] = await db
    .select({ others: count() })
    .from(adminTokens)
    .where(and(isOwner, ne(adminTokens.id, id), holds(nowMs)));
  return row?.others ?? 0;
}

/** Revokes a token once its writes have ended; what was revoked stays so. null: there is none. */
export async function revokeToken(
  db: Executor,
  id: string,
  nowMs: number,
): Promise<AdminTokenRow | null> {
  await db.execute(sql`select pg_advisory_xact_lock(${lockOf(id)})`);
  await db
    .update(adminTokens)
    .set({ revokedAtMs: nowMs })
    .where(and(eq(adminTokens.id, id), isNull(adminTokens.revokedAtMs)));
  return findToken(db, id);
}

function lockOf(id: string) {
  return sql`hashtext('sallyport.admin_token'), hashtext(${id})`;
}

function holds(nowMs: number) {
  return and(
    isNull(adminTokens.revokedAtMs),
    or(isNull(adminTokens.expiresAtMs), gt(adminTokens.expiresAtMs, nowMs)),
  );
}
