import type { Lane, Position } from '@sallyport/shared/state/model';
import type { Carry, Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { FrameMessage, PathName, ShardDigest } from '@sallyport/shared/sync/messages';

/** When and how something came. */
export interface Arrival {
  readonly path: PathName;
  /** Of the monotonic clock. */
  readonly arrivedAtMs: number;
}

/** What became of a frame or a whole state; nothing of it was taken where there is a problem. */
export type Taken =
  | {
      readonly kind: 'taken';
      /** Rows that were left out: the position is ours all the same. */
      readonly refusals: readonly Problem[];
      /** Denials that were to be carried, and for which there was no room. */
      readonly uncarried?: number;
    }
  | { readonly kind: 'refused'; readonly problem: Problem };

export const taken: Extract<Taken, { readonly kind: 'taken' }> = { kind: 'taken', refusals: [] };

export interface Swap extends Arrival {
  readonly position: Position;
  /** What of the rows of before is carried on where the new ones lack it. */
  readonly carry: Carry;
}

/** The rows of one lane on the main thread, the only writer. */
export interface LaneStore {
  readonly lane: Lane;
  /** SHA-256 over the shards' digests, 32 bytes. */
  digest(): Uint8Array;
  /** 16 bytes each. */
  shardDigests(): readonly Uint8Array[];
  /** Judges and applies a frame, journals it and tells the workers. */
  apply(frame: FrameMessage, arrival: Arrival): Taken | Promise<Taken>;
  /** Keeps a shard for the next swap, in place of one kept before; null: it is what it should be. */
  stage(index: number, parts: readonly Uint8Array[], expected: ShardDigest): Problem | null;
  dropStaged(): void;
  /** Puts what was staged into the place of the rows, all at once. */
  swap(swap: Swap): Taken | Promise<Taken>;
}
