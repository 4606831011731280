import type { Lane, Position } from '../state/model.ts';
import type { EarlyFrames } from './early-frames.ts';
import type { LaneHistory } from './lane-history.ts';
import type {
  FrameMessage,
  FrameProof,
  HeartbeatMessage,
  LanePosition,
  ManifestMessage,
  NackCode,
  NackMessage,
  PathName,
  ProvisionalMessage,
  ResumeMessage,
  ShardDigest,
  ShardPart,
} from './messages.ts';
import type { Verdict } from './verification-keys.ts';

/**
 * State, events and effects of one lane at an edge. Instants named `nowMs` are of a monotonic
 * clock, those named `wallMs` of the wall clock; both come with the event, and nothing else about
 * time is ever asked.
 */

/** A stream that answers Hello; NATS only broadcasts. */
export type StreamPath = 'grpc' | 'standby';

export type PathPhase =
  | { readonly kind: 'closed' }
  /** Hello was sent, Resume has not come. */
  | { readonly kind: 'greeting'; readonly sinceMs: number }
  | { readonly kind: 'tail' }
  /** Resume said SHARDS. */
  | {
      readonly kind: 'shards';
      readonly sinceMs: number;
      /** A manifest that came while another one was being fetched: taken up after it. */
      readonly held: Position | null;
    }
  /** The replica is behind. */
  | { readonly kind: 'waiting'; readonly sinceMs: number };

/** A head that a heartbeat named and we did not have, and our own head then. */
export interface Owed {
  readonly head: Position;
  readonly ours: Position;
}

export interface PathState {
  readonly phase: PathPhase;
  /** Nothing that this stream still brings was sent before. */
  readonly notBeforeMs: number;
  /** Of the last sign of life: opening, verified heartbeat, shard part that was asked for. */
  readonly heardAtMs: number;
  /** Whether a heartbeat has come since the stream was opened. */
  readonly beaten: boolean;
  /** Whether its last heartbeat was late. */
  readonly late: boolean;
  /** Heartbeats in a row that showed a head before ours although the database had been seen. */
  readonly beatsBehindUs: number;
  readonly owed: Owed | null;
  /** How often in a row the tail was asked for on this stream without anything coming. */
  readonly retails: number;
  /** The newest frame that came by this stream since its Hello. */
  readonly seen: Position | null;
}

/**
 * What of the rows of before is carried on where a whole state lacks it: `blocks` at the change of an
 * epoch, when everybody signs in again; all `denials` where history may have been lost within one.
 */
export type Carry = 'nothing' | 'blocks' | 'denials';

/** A whole state on its way in. */
export interface Staging {
  readonly manifest: ManifestMessage;
  /** null: the stream that it came by has ended; what is staged is kept for the next manifest. */
  readonly path: StreamPath | null;
  readonly sinceMs: number;
  readonly carry: Carry;
  /** Shards that are not staged yet. */
  readonly missing: ReadonlySet<number>;
  /** SHA-256 in hex of what was staged, by index. */
  readonly kept: ReadonlyMap<number, string>;
  /** The shard whose parts are coming. */
  readonly open: { readonly index: number; readonly parts: readonly Uint8Array[] } | null;
  /** Shards that are with the shell, to be hashed and staged. */
  readonly settling: ReadonlySet<number>;
}

export interface EdgeLane {
  readonly lane: Lane;
  /** How many shards the lane has. */
  readonly shards: number;
  /** Everything up to here is in the tables; null: nothing. */
  readonly head: Position | null;
  readonly headSinceMs: number;
  /** The highest position that was ever ours. Nothing before it is taken again. */
  readonly mark: Position | null;
  /** Of the frame at the head; null where the head came as shards. */
  readonly proof: FrameProof | null;
  /** Of the newest frame of ours that a stream brought: NATS may have gone on from elsewhere. */
  readonly streamProof: FrameProof | null;
  readonly history: LaneHistory;
  /** The frame that the shell is applying. */
  readonly applying: Ahead | null;
  /** Frames ahead of the head, by revision. */
  readonly ahead: ReadonlyMap<number, Ahead>;
  /** Since when frames wait ahead of a gap; null: none do. */
  readonly gapSinceMs: number | null;
  /** Frames whose denials are enforced ahead of their turn, until the head reaches them. */
  readonly early: EarlyFrames;
  readonly staging: Staging | null;
  /** The shell is putting the staged shards into the tables. */
  readonly swapping: boolean;
  readonly paths: Readonly<Record<StreamPath, PathState>>;
  /** The same as a stream's, of heartbeats that came by NATS. */
  readonly natsOwed: Owed | null;
  /** Bodies and shards that were refused, newest last. */
  readonly refused: readonly Refused[];
  /** The lane stands before something that was refused: it goes on by shards or not at all. */
  readonly stuck: boolean;
  /** Provisional denials by id. */
  readonly provisionals: ReadonlyMap<string, HeldProvisional>;
  /** Whether the last digest that could be compared was ours; null: none could. */
  readonly digestAgrees: boolean | null;
  /** The rows are to be compared whole: the next Hello names no position. */
  readonly fresh: boolean;
  /** Two frames were seen for one position since the last whole state. */
  readonly forked: boolean;
  /** The lane is to be started again as soon as a stream can be asked. */
  readonly resyncWanted: boolean;
  readonly resyncNotBeforeMs: number;
  /** Whole states asked for in a row without a digest that agreed since. */
  readonly resyncs: number;
  /** The instant (monotonic) at which this state was known to be complete; null: not known. */
  readonly asOfMs: number | null;
  /** Of the replicas, by name, as their heartbeats on streams have shown them. */
  readonly clocks: ReadonlyMap<string, ReplicaClock>;
  readonly tickedAtMs: number;
  /** When a NACK last went out for what came by NATS, so that a flood there stays one there. */
  readonly natsNackedAtMs: number;
}

/** How a replica's clock stands to ours. */
export interface ReplicaClock {
  /** sentAtMs minus the monotonic clock here, of the least delayed heartbeat; it sinks slowly. */
  readonly offsetMs: number;
  /** When the offset was this. */
  readonly atMs: number;
}

export interface Refused {
  /** Hex. */
  readonly sha256: string;
  readonly code: NackCode;
}

export interface HeldProvisional {
  /** Monotonic. */
  readonly untilMs: number;
  /** Of the body, hex: a frame with the same body confirms it. */
  readonly sha256: string;
}

export interface Ahead {
  readonly frame: FrameMessage;
  readonly sha256: Uint8Array;
  readonly path: PathName;
}

/** Why something is noticed. Counted by name and reported upward. */
export type AlarmName =
  /** Frames are missing, and waiting did not bring them. */
  | 'gap'
  /** Old frames came again: harmless, but somebody sends them. */
  | 'replay'
  /** A position before what we already had, as if it were the newest. */
  | 'rollback'
  /** Two frames, both signed, for one position. */
  | 'fork'
  /** A signature that does not hold. */
  | 'forged'
  | 'unknown_key'
  /** A signature by a key whose time has not come, or is over, by the wall clock here. */
  | 'not_live'
  /** A stream without a heartbeat. */
  | 'silence'
  /** Heartbeats that were sent long before they were read, or a replica's clock that was set. */
  | 'late'
  /** The tail that a heartbeat spoke of does not come. */
  | 'lost_tail'
  /** Our rows are not those that the control plane has. */
  | 'digest'
  /** A body or a shard that was not taken. */
  | 'refused'
  /** More came ahead of a gap than is kept. */
  | 'overflow'
  /** A message that this protocol does not have here. */
  | 'unexpected'
  /** More came by the bus than is looked at. */
  | 'flooded';

export type Problem = { readonly code: NackCode; readonly detail: string };

export type EdgeLaneEvent = { readonly nowMs: number } & (
  | { readonly type: 'opened'; readonly path: StreamPath }
  | { readonly type: 'closed'; readonly path: StreamPath }
  | { readonly type: 'resume'; readonly path: StreamPath; readonly resume: ResumeMessage }
  | {
      readonly type: 'frame';
      readonly path: PathName;
      readonly frame: FrameMessage;
      /** SHA-256 of the body, 32 bytes. */
      readonly sha256: Uint8Array;
      readonly verdict: Verdict;
    }
  | {
      readonly type: 'manifest';
      readonly path: StreamPath;
      readonly manifest: ManifestMessage;
      readonly verdict: Verdict;
      /** Digests of the shards as they are in the tables now. */
      readonly have: readonly Uint8Array[];
    }
  | { readonly type: 'part'; readonly path: StreamPath; readonly part: ShardPart }
  | {
      readonly type: 'heartbeat';
      readonly path: PathName;
      readonly heartbeat: HeartbeatMessage;
      readonly verdict: Verdict;
    }
  | {
      readonly type: 'provisional';
      readonly path: PathName;
      readonly provisional: ProvisionalMessage;
      readonly sha256: Uint8Array;
      readonly verdict: Verdict;
      readonly wallMs: number;
    }
  /** The answer to `apply`. `digest`: of the lane after it; null where it was not computed. */
  | { readonly type: 'applied'; readonly digest: Uint8Array | null }
  | { readonly type: 'apply_refused'; readonly problem: Problem }
  /** The answer to `stage`. */
  | { readonly type: 'staged'; readonly index: number; readonly problem: Problem | null }
  /** The answer to `swap`. */
  /** `digest`: of the lane as it is now. */
  | { readonly type: 'swapped'; readonly digest: Uint8Array }
  /**
   * Every 250 ms or more often. `missedMs`: so long the monotonic clock stood still since the last
   * one, with the whole machine; what the shell keeps of the age of the state it corrects itself.
   * `unread`: streams that are not read now, because a message of some lane of theirs is being taken.
   */
  | {
      readonly type: 'tick';
      readonly missedMs: number;
      readonly unread: readonly StreamPath[];
    }
);

export type EdgeLaneEffect =
  /** Send Hello with this lane alone on the open stream: it starts again from there. */
  | { readonly type: 'hello'; readonly path: StreamPath; readonly have: LanePosition }
  /** Apply the frame; answer `applied` or `apply_refused`. */
  | {
      readonly type: 'apply';
      readonly frame: FrameMessage;
      readonly sha256: Uint8Array;
      readonly path: PathName;
    }
  /** Enforce the denials of this frame's body (sync/denials.ts), and no lift, ahead of its turn. */
  | {
      readonly type: 'enforce_early';
      readonly frame: FrameMessage;
      readonly sha256: Uint8Array;
      readonly path: PathName;
    }
  /**
   * The tables have come to this position: what was enforced early up to there, in its epoch, is in
   * them now. With `carry` that is not known: what they lack is to be carried on, as the blocks of
   * earlier epochs are.
   */
  | { readonly type: 'drop_early'; readonly upTo: Position; readonly carry: boolean }
  | {
      readonly type: 'enforce_provisional';
      readonly provisional: ProvisionalMessage;
      readonly path: PathName;
    }
  | { readonly type: 'drop_provisional'; readonly id: string }
  | {
      readonly type: 'fetch';
      readonly path: StreamPath;
      readonly position: Position;
      readonly shards: readonly number[];
    }
  /** Join the parts, hash them, keep them for the swap; answer `staged`. */
  | {
      readonly type: 'stage';
      readonly index: number;
      readonly parts: readonly Uint8Array[];
      readonly expected: ShardDigest;
    }
  /** Forget all that was staged. */
  | { readonly type: 'drop_staged' }
  /**
   * Put the staged shards into the tables, all at once; answer `swapped`. `carry`: these of the rows
   * of before are carried on where the new ones lack them.
   */
  | {
      readonly type: 'swap';
      readonly position: Position;
      readonly path: StreamPath | null;
      readonly carry: Carry;
    }
  | { readonly type: 'nack'; readonly path: StreamPath | null; readonly nack: NackMessage }
  /** Give this stream up and open another, to the next replica if `next`. */
  | {
      readonly type: 'end_path';
      readonly path: StreamPath;
      readonly reason: AlarmName | 'redirect' | 'behind';
      readonly next: boolean;
    }
  /** The lane follows this stream: say again what the workers have reached. */
  | { readonly type: 'repeat_acks'; readonly path: StreamPath }
  | { readonly type: 'as_of'; readonly asOfMs: number }
  | {
      readonly type: 'alarm';
      readonly name: AlarmName;
      readonly path: PathName | null;
      readonly detail: string;
    };

export interface EdgeLaneStep {
  readonly state: EdgeLane;
  readonly effects: readonly EdgeLaneEffect[];
}
