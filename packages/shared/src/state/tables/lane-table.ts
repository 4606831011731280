import type { LayoutChange, RowLane, RowOp, SharedLane } from './lane.ts';
import type { StagedShards } from './staging.ts';
import { Table } from './table.ts';

export type { LayoutChange, RowLane, RowOp, SharedLane } from './lane.ts';
export { shardsPerLane } from './lane.ts';
export type { StagedShards } from './staging.ts';

/** The rows of one lane. One thread writes it; others read it by what `shared` gives. */
export interface LaneTable {
  readonly lane: RowLane;
  /** Rows in all shards. */
  readonly rows: number;
  /**
   * Applies one revision: readers see all of it or none. Throws TableLimitError before any change,
   * and TypeError for an op of another lane.
   */
  apply(ops: readonly RowOp[]): void;
  /** SHA-256 of the shards' digests in order, 32 bytes. */
  digest(): Uint8Array;
  /** Sum of the hashes of the shard's rows, 16 bytes. */
  shardDigest(index: number): Uint8Array;
  /** Rises with each change of the shard. */
  shardVersion(index: number): number;
  shardRows(index: number): number;
  /** The shard's canonical bytes: the same rows give the same bytes, whatever their history. */
  encodeShard(index: number): Uint8Array;
  /** The shard's memory, for the disk of this machine: quicker by far, and in no set order. */
  dumpShard(index: number): Uint8Array;
  /** The shard's rows as ops, in no particular order; of one kind alone if it is named. */
  shardOps<Name extends RowOp['op']>(
    index: number,
    name?: Name,
  ): Generator<Extract<RowOp, { readonly op: Name }>>;
  /** The row that the op speaks of, as the op that put it; null: there is none. */
  rowOf(op: RowOp): RowOp | null;
  /** Takes whole shards, which take their places together. */
  stage(): StagedShards;
  /** For readers in other threads. */
  shared(): SharedLane;
  /** Calls the listener for each new buffer of a shard, before a reader can meet it. */
  onLayout(listener: (change: LayoutChange) => void): void;
  /** Bytes of shared memory. */
  offHeapBytes(): number;
}

/** An empty table of the lane. A generation only rises: a lower value changes nothing. */
export function createLaneTable(lane: RowLane): LaneTable {
  return new Table(lane, 'rise');
}

/**
 * An empty table of revocations beside the lane's own, which may be taken back: a generation is set
 * to any value, and 0 takes its row away.
 */
export function createCarriedTable(): LaneTable {
  return new Table('revoke', 'set');
}
