import { isKeyLive } from '@sallyport/shared/keys/root';
import {
  lockKeysBeside,
  markWithdrawn,
  type SigningKeyRow,
  signingKeyOp,
} from '../../store/keys.ts';
import type { WriteTx } from '../../store/write.ts';
import { conflict, notFound } from '../http/problems.ts';

/**
 * Takes a key out of use before its end: the mark keeps replicas from it, and the op takes it from
 * every edge. Refused for the only live key of its purpose, because without one nothing could be
 * said any more that edges believe, this withdrawal included.
 */
export async function withdraw(tx: WriteTx, keyId: string, reason: string): Promise<SigningKeyRow> {
  const keys = await lockKeysBeside(tx.db, keyId);
  const row = keys.find((one) => one.keyId === keyId);
  if (row === undefined) throw notFound();
  if (row.withdrawnAtMs !== null) throw conflict(`${keyId} was withdrawn before`);
  const { purpose, notAfterMs } = row;
  if (notAfterMs <= tx.nowMs) throw conflict(`${keyId} has ended, so nobody believes it`);
  const live = keys.filter((one) => isLive(one, tx.nowMs));
  if (live.length === 1 && live[0] === row) {
    throw conflict(
      `${keyId} is the only live key of ${purpose}: make another first, with ` +
        `"sallyport keys rotate --now --purpose ${purpose}"`,
    );
  }
  await markWithdrawn(tx.db, keyId, tx.nowMs);
  tx.emit('config', { op: 'deleted_signing_key', keyId });
  tx.describe(keyId, { purpose, reason });
  return { ...row, withdrawnAtMs: tx.nowMs };
}

function isLive(row: SigningKeyRow, nowMs: number): boolean {
  const key = row.withdrawnAtMs === null ? signingKeyOp(row) : null;
  return key !== null && isKeyLive(key, row.purpose, nowMs);
}
