import type { RecordRequest, RecordResponse } from '@sallyport/proto';
import { pause } from '../../state/1-sync/reconnect.ts';
import { addDropped } from '../../worker/dropped-records.ts';
import type { DroppedRecords, RecordLines } from '../../worker/messages.ts';
import { BatchUplink, type BatchUplinkOptions } from '../batch-uplink.ts';
import { type Batch, batchOfBlock, batchOfItems, requestOf } from './batch.ts';
import { RecordQueue } from './record-queue.ts';
import { Spiller } from './spiller.ts';
import type { SpooledBlock } from './spool/readers.ts';
import type { RecordSpool } from './spool/spool.ts';

const queueRecordsMax = 65_536;
const queueBytesMax = 64 * 1024 * 1024;
const batchRecordsMax = 1_024;
const batchBytesMax = 1024 * 1024;
/** A record waits this long for others to share its batch. */
const lingerMs = 50;
/** After so long without a confirmation, no control plane takes what waits. */
const stalledMs = 1_000;
const lookMs = 250;
/** A disk that gives no answer does not keep the process. */
const diskMsMax = 5_000;

type Uplink = BatchUplinkOptions<Batch, RecordRequest, RecordResponse>;

export interface RecordUplinkOptions extends Pick<Uplink, 'channel' | 'log'> {
  /** Where records go that memory should not hold; null: nowhere. */
  readonly spool?: RecordSpool | null;
  /** Whether the next records can only be kept in the place of others: told when it changes. */
  readonly onFull?: (full: boolean) => void;
}

/**
 * Sends access records upward. While no control plane takes them, or takes them too slowly, they go
 * to the spool; what is there is sent before what came later.
 */
export class RecordUplink {
  readonly #onFull: (full: boolean) => void;
  readonly #uplink: BatchUplink<Batch, RecordRequest, RecordResponse>;
  readonly #queue = new RecordQueue<RecordLines>(queueRecordsMax, queueBytesMax);
  readonly spool: RecordSpool | null;
  readonly #spiller: Spiller | null;
  #timer: NodeJS.Timeout | null = null;
  #looking: NodeJS.Timeout | null = null;
  #read: SpooledBlock | null = null;
  #reading = false;
  #full = false;
  /** Since when something has waited, or the last confirmation came; as by performance.now(). */
  #takenAtMs = 0;

  constructor({ channel, log, spool = null, onFull = () => undefined }: RecordUplinkOptions) {
    this.#onFull = onFull;
    this.#uplink = new BatchUplink({
      channel,
      log,
      streamEnded: 'records.stream_ended',
      open: (client) => client.record(),
      next: () => this.#nextBatch(),
      isEmpty: () => this.#waiting === 0,
      request: requestOf,
      taken: (batches) => this.#confirm(batches),
    });
    this.spool = spool;
    this.#spiller = spool === null ? null : new Spiller(this.#queue, spool);
    if (spool === null) return;
    spool.onDropped = (dropped) => this.addDropped(dropped);
    this.addDropped(spool.unreported);
  }

  start(): void {
    this.#takenAtMs = performance.now();
    this.#uplink.start();
    if (this.spool !== null) this.#looking = setInterval(() => this.#look(), lookMs).unref();
  }

  push(lines: RecordLines): void {
    if (this.backlog === 0) this.#takenAtMs = performance.now();
    this.#queue.push(lines);
    this.#schedule();
    if (this.#spiller?.overfull === true) this.#spill();
    this.#tellWhetherFull();
  }

  /** Losses before this queue, to be told to the control plane. */
  addDropped(dropped: DroppedRecords): void {
    this.#queue.addDropped(dropped);
    this.#noteUnreported();
  }

  /** Records that wait or are under way, as far as they are counted. */
  get backlog(): number {
    const memory = this.#uplink.underWay.filter(({ blocks }) => blocks.length === 0);
    return memory.reduce((sum, { records }) => sum + records, this.#waiting);
  }

  /** Without what is under way and is not in the spool as well. */
  get #waiting(): number {
    return this.#queue.length + (this.#spiller?.records ?? 0) + (this.spool?.records ?? 0);
  }

  get droppedTotal(): DroppedRecords {
    return this.#queue.droppedTotal;
  }

  /**
   * Tries to get rid of everything, for so long at the most, and ends the stream. What is left then
   * is on disk when it resolves, if there is a spool that works.
   */
  async stop(flushMs: number): Promise<void> {
    await this.#uplink.stop(flushMs);
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#looking !== null) clearInterval(this.#looking);
    const written = new AbortController();
    const bound = pause(diskMsMax, written.signal);
    await Promise.race([this.#writeDown(), bound]);
    written.abort();
  }

  async #writeDown(): Promise<void> {
    await this.#spiller?.finish(this.#uplink.underWay);
    this.#noteUnreported();
    await this.spool?.close();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#uplink.send();
    }, lingerMs);
  }

  #confirm(taken: readonly Batch[]): void {
    this.#takenAtMs = performance.now();
    for (const one of taken) one.confirmed = true;
    const blocks = taken.flatMap((one) => one.blocks);
    if (blocks.length > 0) void this.spool?.confirm(blocks).then(() => this.#tellWhetherFull());
    this.#noteUnreported();
  }

  /** The oldest: from disk, then what the disk did not take, then from memory. */
  #nextBatch(): Batch | null {
    const block = this.#read;
    this.#read = null;
    if (block !== null) {
      this.#readAhead();
      return batchOfBlock(block, this.#queue.takeDropped());
    }
    if (this.#reading || this.spool?.hasUnread === true) {
      this.#readAhead();
      return null;
    }
    if (this.#spiller?.busy === true) return null;
    const back = this.#spiller?.takeBack() ?? [];
    const items = back.length > 0 ? back : this.#queue.take(batchRecordsMax, batchBytesMax);
    if (items.length === 0) return null;
    return batchOfItems(items, this.#queue.takeDropped());
  }

  #readAhead(): void {
    if (this.#reading || this.spool?.hasUnread !== true) return;
    this.#reading = true;
    void this.spool.next().then((block) => {
      this.#reading = false;
      this.#read = block;
      // Where it could not be read, the next look tries again.
      if (block !== null || this.spool?.hasUnread !== true) this.#uplink.send();
    });
  }

  /** Whether records are to go to disk, because nobody takes them or what is there comes first. */
  readonly #wantsSpill = (): boolean => {
    if (this.spool === null || this.#queue.length === 0) return false;
    if (this.spool.hasUnread || this.#spiller?.overfull === true) return true;
    return this.#stalled;
  };

  get #stalled(): boolean {
    return this.backlog > 0 && performance.now() - this.#takenAtMs >= stalledMs;
  }

  #spill(): void {
    if (this.#spiller === null || this.#spiller.busy) return;
    const underWay = this.#stalled ? this.#uplink.underWay : [];
    void this.#spiller.work(underWay, this.#wantsSpill).then(() => {
      this.#tellWhetherFull();
      this.#uplink.send();
    });
  }

  #look(): void {
    void this.spool?.lookAgain();
    if (this.#wantsSpill() || this.#stalled) this.#spill();
    else this.#uplink.send();
    this.#tellWhetherFull();
  }

  #tellWhetherFull(): void {
    // Memory is this full only where the disk takes too little: it fails, hangs or there is none.
    const full = this.spool?.full === true || this.#queue.tight;
    if (full === this.#full) return;
    this.#full = full;
    this.#onFull(full);
  }

  /** What nobody has confirmed to have heard of must survive the process. */
  #noteUnreported(): void {
    const underWay = this.#uplink.underWay.map(({ dropped }) => dropped);
    this.spool?.noteUnreported(underWay.reduce(addDropped, this.#queue.unreported));
  }
}
