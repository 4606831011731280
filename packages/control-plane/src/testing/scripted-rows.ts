import { applyConfigOps, opsFromBytes } from '@sallyport/proto';
import type { ConfigOp, Lane, StateOp } from '@sallyport/shared/state/model';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import {
  createLaneTable,
  type RowOp,
  shardsPerLane,
} from '@sallyport/shared/state/tables/lane-table';

/** The rows of one lane as an edge keeps them. */
export interface ScriptedRows {
  apply(ops: readonly StateOp[]): void;
  digest(): string;
  shardDigest(index: number): string;
  /** Takes whole shards at once; throws for bytes that are none. */
  take(shards: ReadonlyMap<number, Uint8Array>): void;
  /** All rows as ops, in no order. */
  ops(): StateOp[];
}

export function scriptedRows(lane: Lane): ScriptedRows {
  return lane === 'config' ? configRows() : tableRows(lane);
}

function tableRows(lane: Exclude<Lane, 'config'>): ScriptedRows {
  const table = createLaneTable(lane);
  return {
    apply: (ops) => table.apply(ops as readonly RowOp[]),
    digest: () => hex(table.digest()),
    shardDigest: (index) => hex(table.shardDigest(index)),
    take(shards) {
      const staged = table.stage();
      for (const [index, bytes] of shards) staged.put(index, bytes);
      staged.commit();
    },
    ops: () =>
      Array.from({ length: shardsPerLane }, (_, index) => [...table.shardOps(index)]).flat(),
  };
}

function configRows(): ScriptedRows {
  const rows = new KeyedRows();
  return {
    apply: (ops) => applyConfigOps(rows, ops as readonly ConfigOp[]),
    digest: () => hex(rows.digest()),
    shardDigest: () => hex(rows.shardDigest()),
    take(shards) {
      for (const bytes of shards.values()) rows.load(bytes);
    },
    ops: () => [...rows.entries()].flatMap(([, bytes]) => opsFromBytes(bytes)),
  };
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
