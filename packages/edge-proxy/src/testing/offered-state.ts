import { createHash } from 'node:crypto';
import { applyConfigOps } from '@sallyport/proto';
import type { ConfigOp, Lane, Position, StateOp } from '@sallyport/shared/state/model';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import { type RowOp, shardsPerLane } from '@sallyport/shared/state/tables/lane';
import { createLaneTable } from '@sallyport/shared/state/tables/lane-table';
import { tableLimits } from '@sallyport/shared/state/tables/limits';
import {
  type ManifestMessage,
  type ShardPart,
  shardPartBytesMax,
} from '@sallyport/shared/sync/messages';

export interface OfferedShard {
  /** Sum of the row digests, 16 bytes. */
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/** A lane's whole state as a control plane has it. */
export interface OfferedState {
  readonly lane: Lane;
  readonly position: Position;
  readonly shards: readonly OfferedShard[];
  /** Of the lane, 32 bytes. */
  readonly digest: Uint8Array;
}

/** The state that these ops give. */
export function offeredState(
  lane: Lane,
  position: Position,
  ops: readonly StateOp[],
): OfferedState {
  if (lane === 'config') {
    const rows = new KeyedRows();
    applyConfigOps(rows, ops as readonly ConfigOp[]);
    const shard = { digest: rows.shardDigest(), bytes: rows.encode(), rows: rows.size };
    return { lane, position, shards: [shard], digest: rows.digest() };
  }
  const table = createLaneTable(lane);
  for (let from = 0; from < ops.length; from += tableLimits.revisionOps) {
    table.apply(ops.slice(from, from + tableLimits.revisionOps) as readonly RowOp[]);
  }
  const shards = Array.from({ length: shardsPerLane }, (_, index) => ({
    digest: table.shardDigest(index),
    bytes: table.encodeShard(index),
    rows: table.shardRows(index),
  }));
  return { lane, position, shards, digest: table.digest() };
}

export function manifestOf(state: OfferedState): Omit<ManifestMessage, 'keyId' | 'signature'> {
  const { lane, position, shards } = state;
  return {
    lane,
    position,
    shards: shards.map(({ digest, bytes, rows }) => ({
      digest,
      sha256: createHash('sha256').update(bytes).digest(),
      bytes: bytes.length,
      rows,
    })),
  };
}

/** The parts of one shard, in order. */
export function shardParts(
  { lane, position, shards }: OfferedState,
  index: number,
  partBytesMax = shardPartBytesMax,
): readonly ShardPart[] {
  const bytes = shards[index]?.bytes ?? new Uint8Array();
  const parts = Math.max(1, Math.ceil(bytes.length / partBytesMax));
  return Array.from({ length: parts }, (_, part) => {
    const body = bytes.subarray(part * partBytesMax, (part + 1) * partBytesMax);
    return { lane, position, index, part, parts, body };
  });
}
