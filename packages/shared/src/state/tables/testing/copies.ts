import { createLaneTable, type LaneTable, type RowOp, shardsPerLane } from '../lane-table.ts';

/** Canonical bytes of all shards. */
export function encodeAll(table: LaneTable): Uint8Array[] {
  return Array.from({ length: shardsPerLane }, (_, index) => table.encodeShard(index));
}

/** Another table with the same rows, loaded from their canonical bytes. */
export function copyOf(table: LaneTable): LaneTable {
  const copy = createLaneTable(table.lane);
  const staged = copy.stage();
  for (const [index, bytes] of encodeAll(table).entries()) staged.put(index, bytes);
  staged.commit();
  return copy;
}

/** All rows as ops. */
export function allOps(table: LaneTable): RowOp[] {
  return Array.from({ length: shardsPerLane }, (_, index) => [...table.shardOps(index)]).flat();
}
