import { opsFromBytes } from '@sallyport/proto';
import type { Position, StateOp } from '@sallyport/shared/state/model';
import { readHead, readRevisions } from '../store/change-log.ts';
import type { Executor } from '../store/database.ts';

/** More than are written while somebody types a password, single sign-outs included. */
const revisionsMax = 5_000;

/**
 * Whether a revocation of this user, this device or everyone was committed after `since`. With the
 * generations held by the transaction nothing can be added between this answer and its commit: so
 * no session comes out of a sign-in that a revocation overtook, even one that only ends sessions.
 * What cannot be told (the log does not reach back, or too much happened) counts as revoked.
 */
export async function revokedSince(
  db: Executor,
  since: Position,
  userId: string,
  deviceId: string | null,
): Promise<boolean> {
  const head = await readHead(db, 'revoke');
  if (head.epoch === since.epoch && head.rev === since.rev) return false;
  const revisions = await readRevisions(db, 'revoke', since, revisionsMax);
  const complete = revisions[0]?.prevRev === since.rev && revisions.length < revisionsMax;
  if (head.epoch !== since.epoch || !complete) return true;
  return revisions.some(({ body }) =>
    opsFromBytes(body).some((op) => concerns(op, userId, deviceId)),
  );
}

function concerns(op: StateOp, userId: string, deviceId: string | null): boolean {
  if (op.op === 'generation') {
    if (op.scope === 'global') return true;
    return op.subjectId === (op.scope === 'user' ? userId : deviceId);
  }
  if (op.op !== 'block') return false;
  if (op.kind === 'everyone') return true;
  if (op.kind === 'user') return op.subjectId === userId;
  return op.kind === 'device' && op.subjectId === deviceId;
}
