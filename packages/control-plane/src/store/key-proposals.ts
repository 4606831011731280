import { and, gt, inArray } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { keyProposals } from './schema/index.ts';

export type KeyProposalRow = typeof keyProposals.$inferSelect;

export async function insertProposals(
  db: Executor,
  rows: readonly KeyProposalRow[],
): Promise<void> {
  if (rows.length > 0) await db.insert(keyProposals).values([...rows]);
}

/**
 * Takes the proposals with these ids out, those that have not expired: whoever gets a row is the
 * only one who does.
 */
export async function takeProposals(
  db: Executor,
  keyIds: readonly string[],
  nowMs: number,
): Promise<KeyProposalRow[]> {
  if (keyIds.length === 0) return [];
  return db
    .delete(keyProposals)
    .where(and(inArray(keyProposals.keyId, [...keyIds]), gt(keyProposals.expiresAtMs, nowMs)))
    .returning();
}

/** Proposals that can still be endorsed. */
export async function countProposals(db: Executor, nowMs: number): Promise<number> {
  return db.$count(keyProposals, gt(keyProposals.expiresAtMs, nowMs));
}
