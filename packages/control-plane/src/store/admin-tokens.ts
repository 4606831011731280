import { and, count, eq, gt, isNull, lt, ne, or } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { adminTokens } from './schema/index.ts';

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

/** Revokes a token; what was revoked stays so. null: there is none. */
export async function revokeToken(
  db: Executor,
  id: string,
  nowMs: number,
): Promise<AdminTokenRow | null> {
  await db
    .update(adminTokens)
    .set({ revokedAtMs: nowMs })
    .where(and(eq(adminTokens.id, id), isNull(adminTokens.revokedAtMs)));
  return findToken(db, id);
}

function holds(nowMs: number) {
  return and(
    isNull(adminTokens.revokedAtMs),
    or(isNull(adminTokens.expiresAtMs), gt(adminTokens.expiresAtMs, nowMs)),
  );
}
