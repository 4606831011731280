import type { Lane, Position } from '../state/model.ts';
import { type EarlyFrame, earlyFramesOf } from './early-frames.ts';
import { isKnownFrame, onApplied, onApplyRefused, onFrame } from './edge-frames.ts';
import { onHeartbeat } from './edge-heartbeats.ts';
import type { EdgeLane, EdgeLaneEvent, EdgeLaneStep } from './edge-lane-model.ts';
import { onOpened, onResume, onTick } from './edge-paths.ts';
import { onProvisional } from './edge-provisionals.ts';
import { onManifest, onPart, onStaged, onSwapped } from './edge-shards.ts';
import { closedPath, closePath, laneHello, Turn } from './edge-turn.ts';
import { emptyHistory, type LaneHistory, remember } from './lane-history.ts';
import type { FrameMessage, FrameProof } from './messages.ts';
import { comparePositions, samePosition } from './position.ts';

/**
 * One lane at an edge, as a pure machine: what came, by whichever path, and what is to be done.
 * Nothing in here waits, reads a clock or throws dice; the shell runs the effects in their order
 * and feeds their outcomes back.
 */

export interface EdgeLaneStart {
  readonly lane: Lane;
  /** How many shards the lane has. */
  readonly shards: number;
  /** What the disk had; null: nothing. */
  readonly head: Position | null;
  readonly proof: FrameProof | null;
  /** Of the rows at the head; null: not computed. */
  readonly digest: Uint8Array | null;
  /** The high-water mark. A head below it is an older copy, and is not used. */
  readonly mark: Position | null;
  /** Monotonic; negative for an instant before the process began. */
  readonly asOfMs: number | null;
  /** Frames whose denials the disk had to be enforced ahead of their turn. */
  readonly early: readonly EarlyFrame[];
  readonly nowMs: number;
}

/** The machine at the start of the process. */
export function createEdgeLane(start: EdgeLaneStart): EdgeLaneStep {
  const { mark, nowMs } = start;
  const old = start.head !== null && mark !== null && comparePositions(start.head, mark) < 0;
  const head = old ? null : start.head;
  const turn = new Turn(
    {
      lane: start.lane,
      shards: start.shards,
      head,
      headSinceMs: nowMs,
      mark: mark ?? head,
      proof: old ? null : start.proof,
      streamProof: old ? null : start.proof,
      history: historyOf(head, start),
      applying: null,
      ahead: new Map(),
      gapSinceMs: null,
      early: earlyFramesOf(start.early, head),
      staging: null,
      swapping: false,
      paths: { grpc: closedPath, standby: closedPath },
      natsOwed: null,
      refused: [],
      stuck: false,
      provisionals: new Map(),
      digestAgrees: null,
      fresh: false,
      forked: false,
      resyncWanted: false,
      resyncNotBeforeMs: nowMs,
      resyncs: 0,
      asOfMs: old ? null : start.asOfMs,
      clocks: new Map(),
      tickedAtMs: nowMs,
      natsNackedAtMs: Number.NEGATIVE_INFINITY,
    },
    nowMs,
  );
  if (old) turn.alarm('rollback', 'disk', `revision ${start.head?.rev} after ${mark?.rev}`);
  return turn.end();
}

/** The next state, and what the shell is to do, in order. */
export function stepEdgeLane(state: EdgeLane, event: EdgeLaneEvent): EdgeLaneStep {
  const turn = new Turn(state, event.nowMs);
  take(turn, event);
  return turn.end();
}

/**
 * Whether a frame's signature must be verified: not where the same bytes were applied before, or are
 * enforced or kept ahead of their turn, for they are dropped. Such a frame is fed with the verdict `ok`.
 */
export function frameNeedsVerifying(
  state: EdgeLane,
  frame: FrameMessage,
  sha256: Uint8Array,
): boolean {
  return !isKnownFrame(state, frame, sha256);
}

export { laneHello };

function historyOf(head: Position | null, start: EdgeLaneStart): LaneHistory {
  if (head === null) return emptyHistory;
  const { proof, digest, nowMs } = start;
  const ofHead = proof !== null && samePosition(proof, head);
  const sha256 = ofHead ? proof.bodySha256 : null;
  return remember(emptyHistory, head.epoch, { rev: head.rev, sha256, digest, atMs: nowMs });
}

function take(turn: Turn, event: EdgeLaneEvent): void {
  switch (event.type) {
    case 'opened':
      return onOpened(turn, event.path);
    case 'closed':
      return closePath(turn, event.path);
    case 'resume':
      return onResume(turn, event);
    case 'frame':
      return onFrame(turn, event);
    case 'manifest':
      return onManifest(turn, event);
    case 'part':
      return onPart(turn, event.path, event.part);
    case 'heartbeat':
      return onHeartbeat(turn, event);
    case 'provisional':
      return onProvisional(turn, event);
    case 'applied':
      return onApplied(turn, event.digest);
    case 'apply_refused':
      return onApplyRefused(turn, event.problem);
    case 'staged':
      return onStaged(turn, event.index, event.problem);
    case 'swapped':
      return onSwapped(turn, event.digest);
    case 'tick':
      return onTick(turn, event);
  }
}
