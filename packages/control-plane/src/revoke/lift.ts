import { liftedOp, lockRevocation, markLifted, type RevocationRow } from '../store/revocations.ts';
import type { WriteTx } from '../store/write.ts';

export type LiftResult =
  | { readonly kind: 'lifted'; readonly row: RevocationRow }
  /** What was ended stays ended. */
  | { readonly kind: 'not_a_block' }
  | { readonly kind: 'unknown' };

/** Takes a block back. Lifting it twice changes nothing the second time. */
export async function lift(tx: WriteTx, id: string, by: string): Promise<LiftResult> {
  const row = await lockRevocation(tx.db, id);
  if (row === null) return { kind: 'unknown' };
  if (row.effect !== 'block') return { kind: 'not_a_block' };
  tx.describe(id, { kind: row.target, id: row.subjectId });
  if (row.liftedAtMs !== null) return { kind: 'lifted', row };
  await markLifted(tx.db, id, by, tx.nowMs);
  if (row.leftLaneAtMs === null) tx.emit('revoke', liftedOp(row));
  return { kind: 'lifted', row: { ...row, liftedAtMs: tx.nowMs, liftedBy: by } };
}
