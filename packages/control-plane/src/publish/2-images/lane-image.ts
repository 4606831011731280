import { applyConfigOps, opsFromBytes } from '@sallyport/proto';
import type { ConfigOp, Lane, StateOp } from '@sallyport/shared/state/model';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import { type RowOp, shardsPerLane } from '@sallyport/shared/state/tables/lane';
import { createLaneTable } from '@sallyport/shared/state/tables/lane-table';

/**
 * A lane's rows in memory, as every edge has them: manifests, shards and digests come from here,
 * so that they need no database.
 */
export interface LaneImage {
  readonly lane: Lane;
  readonly shardCount: number;
  /** Whether ops are of this lane is the caller's word. */
  apply(ops: readonly StateOp[]): void;
  /** 32 bytes. */
  digest(): Uint8Array;
  /** 16 bytes. */
  shardDigest(index: number): Uint8Array;
  /** Another number after each change of the shard. */
  shardVersion(index: number): number;
  shardRows(index: number): number;
  /** Canonical: the same rows give the same bytes. */
  encodeShard(index: number): Uint8Array;
  rows(): number;
}

export function createLaneImage(lane: Lane): LaneImage {
  return lane === 'config' ? configImage() : rowImage(lane);
}

/** Throws UnreadableOpsError. */
export function applyBody(image: LaneImage, body: Uint8Array): void {
  image.apply(opsFromBytes(body));
}

function rowImage(lane: Exclude<Lane, 'config'>): LaneImage {
  const table = createLaneTable(lane);
  return {
    lane,
    shardCount: shardsPerLane,
    apply: (ops) => table.apply(ops as readonly RowOp[]),
    digest: () => table.digest(),
    shardDigest: (index) => table.shardDigest(index),
    shardVersion: (index) => table.shardVersion(index),
    shardRows: (index) => table.shardRows(index),
    encodeShard: (index) => table.encodeShard(index),
    rows: () => table.rows,
  };
}

function configImage(): LaneImage {
  const rows = new KeyedRows();
  let version = 0;
  return {
    lane: 'config',
    shardCount: 1,
    apply(ops) {
      version += 1;
      applyConfigOps(rows, ops as readonly ConfigOp[]);
    },
    digest: () => rows.digest(),
    shardDigest: () => rows.shardDigest(),
    shardVersion: () => version,
    shardRows: () => rows.size,
    encodeShard: () => rows.encode(),
    rows: () => rows.size,
  };
}
