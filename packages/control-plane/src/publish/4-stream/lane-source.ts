import type { Lane, Position } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import type { LaneSource as LaneFacts } from '@sallyport/shared/sync/replica-lane-model';
import type { LogHistory } from '../../store/change-log.ts';
import type { Snapshot } from '../2-images/snapshots.ts';
import type { Encoded } from '../3-frames/encode.ts';
import type { Frame } from '../3-frames/ring.ts';

/** A frame that was read from the database's log. */
export interface LoggedFrame {
  readonly rev: number;
  readonly body: Uint8Array;
  readonly bytes: Encoded;
}

/** Where the cursors of all streams find one lane: head, ring, log and snapshots. */
export interface LaneSource {
  readonly lane: Lane;
  facts(): LaneFacts;
  frameAfter(position: Position): Frame | null | 'gone';
  /** SHA-256 of the body of this replica's own revision, hex; null: it is not at hand. */
  bodySha256(position: Position): string | null;
  /** Frames that are not in the ring any more; empty if the log cannot go on from there. */
  framesAfter(position: Position): Promise<readonly LoggedFrame[]>;
  /**
   * The whole state as of a position or later, also of a later epoch; waits for the image, where it
   * is not so far. null: not to be had now.
   */
  snapshot(atLeast: Position): Promise<Snapshot | null>;
  /**
   * What the database's log has in the proof's place, not older than the proof; null: this edge has
   * asked something else since.
   */
  history(edgeId: string, proof: FrameProof): Promise<LogHistory | null>;
  /** The database lost what the proof shows. */
  raiseEpoch(proof: FrameProof, databaseHead: Position): Promise<void>;
  /** Whether the proof's signature holds. */
  believes(proof: FrameProof): boolean;
  /** Whether the edge is told to try another replica: one lives that has read so far. */
  aheadElsewhere(position: Position): boolean;
}
