import type { RecordLines } from '../../worker/messages.ts';
import { type Batch, blocksOf } from './batch.ts';
import type { RecordQueue } from './record-queue.ts';
import type { RecordSpool } from './spool/spool.ts';

const blockRecordsMax = 1_024;
/** What memory keeps while control planes take records more slowly than they come. */
const keptRecordsMax = 16_384;
const keptBytesMax = 16 * 1024 * 1024;

/** Moves records from memory to the spool, one block at a time. */
export class Spiller {
  readonly #queue: RecordQueue<RecordLines>;
  readonly #spool: RecordSpool;
  /** Taken from the queue, and not on disk yet. */
  #inHand: readonly (readonly RecordLines[])[] = [];
  #working: Promise<void> | null = null;

  constructor(queue: RecordQueue<RecordLines>, spool: RecordSpool) {
    this.#queue = queue;
    this.#spool = spool;
  }

  /** Something older than what is in the queue is being written: nothing may overtake it. */
  get busy(): boolean {
    return this.#working !== null;
  }

  /** Records that it holds in memory. */
  get records(): number {
    return this.#inHand.flat().reduce((sum, { records }) => sum + records, 0);
  }

  /** More is in memory than should be. */
  get overfull(): boolean {
    return this.#queue.length > keptRecordsMax || this.#queue.bytes > keptBytesMax;
  }

  /** What it could not write: it is to be sent before what is in the queue. */
  takeBack(): readonly RecordLines[] {
    if (this.busy) return [];
    const items = this.#inHand.flat();
    this.#inHand = [];
    return items;
  }

  /**
   * Writes what is under way and stands nowhere else, and then from the queue for as long as
   * `wanted` says so. Ends early where the disk fails. One call at a time does the work of all.
   */
  work(underWay: readonly Batch[], wanted: () => boolean): Promise<void> {
    this.#working ??= this.#work(underWay, wanted).finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  /** Writes everything, and what is under way in the place of older records if it must. */
  async finish(underWay: readonly Batch[]): Promise<void> {
    // One that is at work already may not have seen all of it.
    await this.#working;
    const unwritten = underWay.filter(({ blocks }) => blocks.length === 0);
    const items = unwritten.flatMap((batch) => batch.items ?? []);
    this.#inHand = [...this.#blocksOf(items), ...this.#inHand];
    await this.work([], () => true);
  }

  async #work(underWay: readonly Batch[], wanted: () => boolean): Promise<void> {
    for (const batch of underWay) {
      const elsewhere = batch.items === null || batch.blocks.length > 0;
      if (!elsewhere && !this.#spool.full) await this.#copy(batch);
    }
    while (await this.#writeInHand()) {
      if (this.#queue.length === 0 || !wanted()) break;
      const taken = this.#queue.take(blockRecordsMax, this.#spool.blockBytesMax);
      this.#inHand = this.#blocksOf(taken);
    }
    await this.#spool.sync();
  }

  /** The batch stays in memory as well, and is sent from there if it can be. */
  async #copy(batch: Batch): Promise<void> {
    const blocks: number[] = [];
    let whole = true;
    for (const items of this.#blocksOf(batch.items ?? [])) {
      const appended = await this.#spool.appendCopy(items);
      if (appended?.kind === 'written') blocks.push(appended.number);
      else whole = false;
    }
    // Without the rest it would be sent twice.
    if (whole && !batch.confirmed) batch.blocks = blocks;
    else await this.#spool.confirm(blocks);
  }

  #blocksOf(items: readonly RecordLines[]): readonly (readonly RecordLines[])[] {
    return blocksOf(items, this.#spool.blockBytesMax);
  }

  async #writeInHand(): Promise<boolean> {
    for (const items of this.#inHand) {
      if ((await this.#spool.append(items)) === null) return false;
      this.#inHand = this.#inHand.slice(1);
    }
    return true;
  }
}
