import { TableLimitError } from './errors.ts';
import { shardOf } from './index-search.ts';
import { type RowLane, type RowOp, shardsPerLane } from './lane.ts';
import { tableLimits } from './limits.ts';
import { RowWriter } from './rows/row-writer.ts';
import { type RowAction, writeOp } from './rows/write-op.ts';
import { hashRowKey } from './shard-memory.ts';

/** One op of a revision: its row is written, but not in the table. */
export interface Draft {
  action: RowAction;
  shard: number;
  /** Where the row is among the revision's words. */
  at: number;
  identityWords: number;
  words: number;
}

/** A revision on its way into a table, so that nothing of it is applied if any of it cannot be. */
export class Revision {
  count = 0;
  /** Shards that it changes. */
  readonly touched: number[] = [];
  readonly #lane: RowLane;
  readonly #generations: 'rise' | 'set';
  readonly #out = new RowWriter();
  readonly #drafts: Draft[] = [];
  readonly #isTouched = new Uint8Array(shardsPerLane);
  readonly #rows = new Uint32Array(shardsPerLane);
  readonly #words = new Float64Array(shardsPerLane);

  constructor(lane: RowLane, generations: 'rise' | 'set') {
    this.#lane = lane;
    this.#generations = generations;
  }

  /** The rows of its ops. */
  get words(): Uint32Array {
    return this.#out.words;
  }

  /** Rows that it may add to the shard, at the most. */
  addedRows(shard: number): number {
    return this.#rows[shard] as number;
  }

  /** Words that it may add to the shard, at the most. */
  addedWords(shard: number): number {
    return this.#words[shard] as number;
  }

  draft(index: number): Draft {
    const draft = this.#drafts[index];
    if (draft !== undefined) return draft;
    const added: Draft = { action: 'put', shard: 0, at: 0, identityWords: 0, words: 0 };
    this.#drafts.push(added);
    return added;
  }

  /** Takes the ops in. Throws TableLimitError for one that cannot be a row. */
  write(ops: readonly RowOp[]): void {
    if (ops.length > tableLimits.revisionOps)
      throw new TableLimitError(`a revision of more than ${tableLimits.revisionOps} ops`);
    for (const op of ops) {
      this.#write(this.draft(this.count), op);
      this.count += 1;
    }
  }

  /** Forgets them. */
  clear(): void {
    for (const shard of this.touched) {
      this.#isTouched[shard] = 0;
      this.#rows[shard] = 0;
      this.#words[shard] = 0;
    }
    this.touched.length = 0;
    this.count = 0;
    this.#out.clear();
  }

  #write(draft: Draft, op: RowOp): void {
    const out = this.#out;
    const action = writeOp(out, this.#lane, op);
    draft.action = action;
    if (op.op === 'generation' && this.#generations === 'set')
      draft.action = op.value === 0 ? 'remove' : 'put';
    draft.words = out.rowWords();
    draft.shard = shardOf(hashRowKey(out.words, out.start));
    draft.at = out.start;
    draft.identityWords = out.identityWords;
    out.next();
    this.#count(draft);
  }

  #count({ action, shard, words }: Draft): void {
    if (this.#isTouched[shard] === 0) {
      this.#isTouched[shard] = 1;
      this.touched.push(shard);
    }
    if (action === 'remove') return;
    this.#rows[shard] = (this.#rows[shard] as number) + 1;
    this.#words[shard] = (this.#words[shard] as number) + words;
  }
}
