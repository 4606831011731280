import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { type Database, read } from '../store/database.ts';
import { isPlausibleEpoch, provenReason, raiseEpoch, readLastRaise } from '../store/epoch.ts';

/** After a raise that edges caused, another one within this time takes a person. */
const againMs = 3_600_000;

export interface LostHistory {
  readonly lane: Lane;
  readonly proof: FrameProof;
  readonly databaseHead: Position;
  readonly nowMs: number;
  readonly log: Log;
}

/**
 * An edge has shown, by a frame that a replica signed, that the database no longer has what it once
 * had. Its history goes on in a new epoch, in which that edge can be told what holds. Whoever has a
 * key to sign with could show anything, so an epoch that cannot be ours raises nothing, and proofs
 * raise it once an hour; else the edge waits, and a person decides. Says whether it was raised.
 * Fails like `write`.
 */
export async function raiseForLostHistory(
  database: Database,
  found: LostHistory,
): Promise<boolean> {
  const { lane, proof, databaseHead, nowMs, log } = found;
  const shown = `revision ${proof.rev} of ${lane} in the epoch ${proof.epoch}`;
  log.error('publish.history_lost', { lane, shown, databaseHead });
  const { keyId } = proof;
  if (!isPlausibleEpoch(proof.epoch, databaseHead.epoch, nowMs)) {
    log.error('publish.proof_implausible', { lane, shown, databaseHead, keyId });
    return false;
  }
  const last = await read(database, readLastRaise);
  if (last?.reason.startsWith(provenReason) === true && nowMs - last.atMs < againMs) {
    log.error('publish.history_lost_again', { lane, shown, databaseHead, keyId, last });
    return false;
  }
  const { raised } = await raiseEpoch(database, {
    reason: `${provenReason}${shown}, the database is at ${databaseHead.rev}`,
    actor: {
      kind: 'system',
      id: 'publish',
      label: 'publish',
      requestId: '',
      sourceAddress: '',
    },
    nowMs,
    seenEpoch: databaseHead.epoch,
    above: proof.epoch,
  });
  return raised;
}
