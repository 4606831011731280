import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import type { Database } from '../store/database.ts';
import { raiseEpoch } from '../store/epoch.ts';

/**
 * An edge has shown, by a frame that a replica signed, that the database no longer has what it once
 * had. Its history goes on in a new epoch, in which that edge can be told what holds. Fails like
 * `write`.
 */
export async function raiseForLostHistory(
  database: Database,
  found: {
    readonly lane: Lane;
    readonly proof: FrameProof;
    readonly databaseHead: Position;
    readonly nowMs: number;
    readonly log: Log;
  },
): Promise<void> {
  const { lane, proof, databaseHead, nowMs, log } = found;
  const shown = `revision ${proof.rev} of ${lane} in the epoch ${proof.epoch}`;
  log.error('publish.history_lost', { lane, shown, databaseHead });
  await raiseEpoch(database, {
    reason: `an edge has ${shown}, the database is at ${databaseHead.rev}`,
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
}
