import type { Lane, Position } from '../state/model.ts';
import type { FrameProof, NackCode, ResumeMode } from './messages.ts';

/**
 * State, events and effects of one lane of one stream at a replica of the control plane. All that
 * it holds of an edge is a position and a short list of what the edge refused: never a queue.
 */

/** What this replica has of the lane. It comes with every event. */
export interface LaneSource {
  /** null before the database was read for the first time. */
  readonly head: Position | null;
  readonly forkedAt: Position | null;
  /** The ring has every revision of the head's epoch after this one. */
  readonly ringAfter: number;
  /** The log in the database has every one after this; null: not known, or it cannot be read. */
  readonly logAfter: number | null;
}

export type ReplicaPhase =
  /** No Hello yet. */
  | { readonly kind: 'silent' }
  /** How to go on is to be found out, not before the instant. */
  | { readonly kind: 'undecided'; readonly notBeforeMs: number }
  | { readonly kind: 'checking' }
  | { readonly kind: 'building' }
  | { readonly kind: 'reading' }
  /**
   * The edge is ahead of this replica. `epoch`: its history was lost, and only a later epoch than
   * this will do.
   */
  | { readonly kind: 'waiting'; readonly sinceMs: number; readonly epoch: number | null }
  /** The manifest goes out next, or is out and Fetch has not come. */
  | {
      readonly kind: 'offering';
      readonly position: Position;
      readonly shards: number;
      readonly sent: boolean;
    }
  /** `shards[next]` goes out next. */
  | {
      readonly kind: 'sending';
      readonly position: Position;
      readonly shards: readonly number[];
      readonly next: number;
    }
  /** So many frames from the log go out next. */
  | { readonly kind: 'backlog'; readonly left: number }
  | { readonly kind: 'tail' }
  /** The edge refused what would come next: nothing goes out before there is something else. */
  | { readonly kind: 'parked'; readonly head: Position; readonly sinceMs: number };

/** A frame that an edge has, its signature verified. */
export interface ShownFrame {
  readonly proof: FrameProof;
  /**
   * SHA-256 (hex) of the body of this replica's own frame at the proof's position, where the ring
   * has it; null where it has not.
   */
  readonly ownSha256: string | null;
}

export interface ReplicaLane {
  readonly lane: Lane;
  /** Everything up to here is at the edge, or on its way; null: nothing to go on from. */
  readonly have: Position | null;
  /** Of the last Hello, its signature verified: what is compared, or was, with the log. */
  readonly proof: FrameProof | null;
  /** This replica has another frame at the proof's position. */
  readonly forked: boolean;
  /** The frame at the proof's position is not at hand, so it was not compared. */
  readonly unread: boolean;
  /** What else that Hello has shown: compared when the log has the proof. */
  readonly unproven: readonly ShownFrame[];
  readonly phase: ReplicaPhase;
  /** The answer to Hello that goes out before anything else. */
  readonly resume: ResumeMode | null;
  /** What this edge refused, SHA-256 in hex, newest last. */
  readonly refused: readonly string[];
}

export type ReplicaLaneEvent = { readonly nowMs: number; readonly source: LaneSource } & (
  | {
      readonly type: 'hello';
      readonly have: Position | null;
      /** Newest first; of those whose signatures hold. */
      readonly shown: readonly ShownFrame[];
    }
  /** The stream takes one more message. Also when `source` has changed, and each second. */
  | { readonly type: 'room' }
  /** The answer to `build_manifest`: its position and the SHA-256 (hex) of its shards. */
  | { readonly type: 'manifest'; readonly position: Position; readonly sha256: readonly string[] }
  /** The answer to `read_log`: so many frames are at hand; 0: the log does not go on from there. */
  | { readonly type: 'log'; readonly after: Position; readonly frames: number }
  /**
   * The answer to `check_history` about the proof of a position: the database's own head, read now,
   * and the SHA-256 (hex) of the body of its own revision there; null where it has none.
   */
  | {
      readonly type: 'history';
      readonly of: Position;
      readonly head: Position;
      readonly sha256: string | null;
    }
  | { readonly type: 'fetch'; readonly position: Position; readonly shards: readonly number[] }
  | {
      readonly type: 'nack';
      readonly position: Position;
      readonly code: NackCode;
      /** Hex; empty where nothing of that kind was refused. */
      readonly refusedSha256: string;
    }
  /** The frame that was to be sent does not fit into a message: the lane goes on by shards. */
  | { readonly type: 'oversize' }
  /** The shards of the manifest are not kept any more. */
  | { readonly type: 'shards_gone' }
  /**
   * What was asked of the shell failed; it is asked again one to two seconds later. `jitter`: from
   * 0 to 1, so that many who failed at the same instant do not ask at the same instant.
   */
  | { readonly type: 'failed'; readonly jitter: number }
);

/** At most one of the first four in a step: it goes onto the stream next. */
export type ReplicaLaneEffect =
  | {
      readonly type: 'send_resume';
      readonly mode: ResumeMode;
      readonly head: Position | null;
      readonly forkedAt: Position | null;
    }
  | { readonly type: 'send_manifest'; readonly position: Position }
  /** All parts of one shard of the manifest at the position. */
  | { readonly type: 'send_shard'; readonly position: Position; readonly index: number }
  | { readonly type: 'send_frame'; readonly position: Position }
  /** Of this replica's rows as they are now. */
  | { readonly type: 'build_manifest' }
  | { readonly type: 'read_log'; readonly after: Position }
  | { readonly type: 'check_history'; readonly proof: FrameProof }
  /**
   * The proof shows that the database lost what it once had: raise the epoch, above the proof's.
   */
  | { readonly type: 'raise_epoch'; readonly proof: FrameProof; readonly databaseHead: Position };

export interface ReplicaLaneStep {
  readonly state: ReplicaLane;
  readonly effects: readonly ReplicaLaneEffect[];
}
