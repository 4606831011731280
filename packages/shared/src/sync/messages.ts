import type { Lane, Position, SigningKey } from '../state/model.ts';

/**
 * Domain form of the messages of the stream of state. proto maps them to the wire and back; what is
 * signed of them is in signing.ts, byte for byte.
 */

/** By which way something came. */
export type PathName = 'grpc' | 'standby' | 'nats' | 'disk';

/** The numbers of the lanes on the wire and under signatures. */
export const laneNumbers: Readonly<Record<Lane, number>> = {
  revoke: 1,
  config: 2,
  signals: 3,
  directory: 4,
};

/** One revision of one lane. */
export interface FrameMessage {
  readonly lane: Lane;
  readonly epoch: number;
  readonly prevRev: number;
  readonly rev: number;
  /** Encoded Ops. */
  readonly body: Uint8Array;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** A frame without its body: enough to show that somebody signed it. */
export interface FrameProof {
  readonly epoch: number;
  readonly prevRev: number;
  readonly rev: number;
  readonly bodySha256: Uint8Array;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

export interface ShardDigest {
  /** Sum of the row digests, 16 bytes. */
  readonly digest: Uint8Array;
  /** Of the shard's canonical bytes. */
  readonly sha256: Uint8Array;
  readonly bytes: number;
  readonly rows: number;
}

/** A lane's whole state at a position, by the hashes of its shards. */
export interface ManifestMessage {
  readonly lane: Lane;
  readonly position: Position;
  readonly shards: readonly ShardDigest[];
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** One part of a shard, `shardPartBytesMax` at the most. */
export interface ShardPart {
  readonly lane: Lane;
  readonly position: Position;
  readonly index: number;
  readonly part: number;
  readonly parts: number;
  readonly body: Uint8Array;
}

export const shardPartBytesMax = 1_048_576;

export interface LaneHead {
  /** A number: a lane of a newer version, which is under the signature all the same. */
  readonly lane: Lane | number;
  readonly head: Position;
  /** Of the lane's rows at `digestAt`, 32 bytes; null: not known yet. */
  readonly digest: Uint8Array | null;
  readonly digestAt: Position | null;
}

export interface HeartbeatMessage {
  readonly replica: string;
  readonly sentAtMs: number;
  /** How long before it was sent this replica had last seen the database. */
  readonly logAgeMs: number;
  readonly heads: readonly LaneHead[];
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** Denials that are enforced at once, outside any lane's sequence. */
export interface ProvisionalMessage {
  readonly id: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Encoded Ops of the revoke lane, denials alone. */
  readonly body: Uint8Array;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

export interface KeysMessage {
  readonly keys: readonly SigningKey[];
}

export type ResumeMode = 'tail' | 'shards' | 'wait' | 'redirect';

export interface ResumeMessage {
  readonly lane: Lane;
  readonly mode: ResumeMode;
  /** null only where this replica has not read the database yet. */
  readonly head: Position | null;
  /** The last position of the epoch before that this epoch goes on from; null: none. */
  readonly forkedAt: Position | null;
}

/** What an edge has of a lane, as its Hello says it. */
export interface LanePosition {
  readonly lane: Lane;
  /** null: nothing, or nothing to be relied on; the answer is the whole state. */
  readonly position: Position | null;
  /** The newest frame of the epoch that the edge has, which may wait ahead of a gap. */
  readonly proof: FrameProof | null;
  /** Where that is ahead of the position: the frame of the position itself. */
  readonly headProof: FrameProof | null;
}

export type NackCode =
  | 'SIGNATURE'
  | 'SCHEMA'
  | 'LIMIT'
  | 'COMPILE'
  | 'DEPENDENCY'
  | 'DIGEST'
  | 'INTERNAL';

export interface NackMessage {
  readonly lane: Lane;
  readonly position: Position;
  readonly code: NackCode;
  readonly detail: string;
  /** Of the body (frame) or of the shard that was refused; empty for a manifest. */
  readonly refusedSha256: Uint8Array;
}

/** The shards that an edge wants of a manifest; none: it has them all and wants the tail. */
export interface FetchMessage {
  readonly lane: Lane;
  readonly position: Position;
  readonly shards: readonly number[];
}
