import { and, eq, gt, lte } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { idempotencyKeys } from './schema/index.ts';

export type IdempotencyRow = typeof idempotencyKeys.$inferSelect;

/** The answer that was given under this key, or null. */
export async function findAnswer(
  db: Executor,
  tokenId: string,
  key: string,
  nowMs: number,
): Promise<IdempotencyRow | null> {
  const [row] = await db
    .select()
    .from(idempotencyKeys)
    .where(
      and(
        eq(idempotencyKeys.tokenId, tokenId),
        eq(idempotencyKeys.key, key),
        gt(idempotencyKeys.expiresAtMs, nowMs),
      ),
    );
  return row ?? null;
}

/**
 * Stores an answer in the transaction of its write. False: another write has the key; of two at the
 * same time the second waits here for the first.
 */
export async function insertAnswer(
  db: Executor,
  row: IdempotencyRow,
  nowMs: number,
): Promise<boolean> {
  const { requestHash, status, sealedBody, expiresAtMs } = row;
  const inserted = await db
    .insert(idempotencyKeys)
    .values(row)
    .onConflictDoUpdate({
      target: [idempotencyKeys.tokenId, idempotencyKeys.key],
      set: { requestHash, status, sealedBody, expiresAtMs },
      setWhere: lte(idempotencyKeys.expiresAtMs, nowMs),
    })
    .returning({ key: idempotencyKeys.key });
  return inserted.length > 0;
}
