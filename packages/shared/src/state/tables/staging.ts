import { decodeRows } from './canonical.ts';
import { restore } from './dump.ts';
import type { RowLane, RowOp } from './lane.ts';
import { RowFinder } from './row-finder.ts';
import type { Shard } from './shard.ts';

/** Whole shards on their way into a table; nobody reads them before `commit`. */
export interface StagedShards {
  /** Checks the canonical bytes of a shard and keeps its rows. Throws MalformedShardError. */
  put(index: number, bytes: Uint8Array): void;
  /** Takes what `dumpShard` gave; the bytes must be authentic. Throws MalformedShardError. */
  restore(index: number, bytes: Uint8Array): void;
  /** Digest of the shard as it would be; null: it was not put. */
  shardDigest(index: number): Uint8Array | null;
  /**
   * The row that the op speaks of, as it would be; null: there is none, undefined: its shard was not
   * put.
   */
  rowOf(op: RowOp): RowOp | null | undefined;
  /** Puts all of them in the places of the table's, at once for readers. */
  commit(): void;
  /** Forgets them. */
  drop(): void;
}

export class Staging implements StagedShards {
  readonly #lane: RowLane;
  readonly #commit: (staged: ReadonlyMap<number, Shard>) => void;
  readonly #shards = new Map<number, Shard>();
  readonly #finder: RowFinder;

  constructor(lane: RowLane, commit: (staged: ReadonlyMap<number, Shard>) => void) {
    this.#lane = lane;
    this.#commit = commit;
    this.#finder = new RowFinder(lane);
  }

  put(index: number, bytes: Uint8Array): void {
    this.#shards.set(index, decodeRows(this.#lane, index, bytes));
  }

  restore(index: number, bytes: Uint8Array): void {
    this.#shards.set(index, restore(this.#lane, index, bytes));
  }

  shardDigest(index: number): Uint8Array | null {
    const digest = this.#shards.get(index)?.digest;
    return digest === undefined
      ? null
      : new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength).slice();
  }

  rowOf(op: RowOp): RowOp | null | undefined {
    return this.#finder.find(op, (index) => this.#shards.get(index));
  }

  commit(): void {
    this.#commit(this.#shards);
    this.drop();
  }

  drop(): void {
    this.#shards.clear();
  }
}
