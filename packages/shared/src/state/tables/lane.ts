import type { DirectoryOp, Lane, RevokeOp, SignalOp } from '../model.ts';

/** The lanes whose state is rows by key; `config` is kept by `KeyedRows`. */
export const rowLanes = ['revoke', 'signals', 'directory'] as const satisfies readonly Lane[];
export type RowLane = (typeof rowLanes)[number];
export type RowOp = RevokeOp | SignalOp | DirectoryOp;

/** Rows of a lane are spread over so many shards by their key. */
export const shardsPerLane = 256;

/** What readers in other threads need of a table: it can be posted to them. */
export interface SharedLane {
  /** Tells the tables of one writer apart. */
  readonly table: number;
  readonly lane: RowLane;
  readonly control: SharedArrayBuffer;
  readonly shards: readonly SharedShard[];
}

export interface SharedShard {
  /** Rises with each buffer that the shard gets. */
  readonly generation: number;
  readonly buffer: SharedArrayBuffer;
}

/** A shard has another buffer. */
export interface LayoutChange extends SharedShard {
  readonly table: number;
  readonly shard: number;
}

/*
 * The control words of a table, for each shard: a counter, odd while the shard is being changed; the
 * generation of its buffer; how many words of it are in use, since a buffer grows where it is. Behind
 * the last shard the same for whether there are rows at all: a counter, and 1 if there are some.
 */
export const controlWords = (shardsPerLane + 1) * 4;

/** Stands where a shard's number does, for whether the table has rows. */
export const presence = controlWords / 4 - 1;

/** Where the counter of a shard, or of `presence`, is among the control words. */
export function counterAt(shard: number): number {
  return shard * 4;
}

/** Where the generation of a shard's buffer is, or whether there are rows. */
export function generationAt(shard: number): number {
  return shard * 4 + 1;
}

/** Where the length of a shard's buffer is, in words. */
export function lengthAt(shard: number): number {
  return shard * 4 + 2;
}
