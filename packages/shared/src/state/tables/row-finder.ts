import type { RowLane, RowOp } from './lane.ts';
import { Revision } from './revision.ts';
import { rowKind } from './rows/kinds.ts';
import type { Shard } from './shard.ts';

/** Finds the row that an op speaks of, without reading any other. */
export class RowFinder {
  readonly #revision: Revision;

  constructor(lane: RowLane) {
    this.#revision = new Revision(lane, 'rise');
  }

  /**
   * The op's row among these shards, as the op that put it; null: there is none, undefined: its shard
   * is not among them. Throws TableLimitError for an op that cannot be a row.
   */
  find(op: RowOp, shardAt: (index: number) => Shard | undefined): RowOp | null | undefined {
    const revision = this.#revision;
    try {
      revision.write([op]);
      const { shard: index, at, identityWords } = revision.draft(0);
      const shard = shardAt(index);
      if (shard === undefined) return undefined;
      const slot = shard.find(revision.words, at, identityWords);
      if (slot === -1) return null;
      const place = shard.placeOf(slot);
      return rowKind(shard.words[place] as number)?.read(shard, place) ?? null;
    } finally {
      revision.clear();
    }
  }
}
