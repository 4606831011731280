import type { RecordRequest, RecordResponse } from '@sallyport/proto';
import { type ClientDuplexStream, status } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import { serviceErrorCode } from '../../identity/call-failure.ts';
import type { ControlChannel } from '../../identity/control-channel.ts';
import { pause, reconnectDelayMs } from '../../state/1-sync/reconnect.ts';
import { addDropped } from '../../worker/dropped-records.ts';
import type { DroppedRecords, RecordLines } from '../../worker/messages.ts';
import { type Batch, batchOfBlock, batchOfItems } from './batch.ts';
import { RecordQueue } from './record-queue.ts';
import { Spiller } from './spiller.ts';
import type { SpooledBlock } from './spool/readers.ts';
import type { RecordSpool } from './spool/spool.ts';

const queueRecordsMax = 65_536;
const queueBytesMax = 64 * 1024 * 1024;
const batchRecordsMax = 1_024;
const batchBytesMax = 1024 * 1024;
/** Batches sent and not yet acknowledged. */
const windowMax = 4;
/** A record waits this long for others to share its batch. */
const lingerMs = 50;
const goodStreamMs = 10_000;
/** After so long without a confirmation, no control plane takes what waits. */
const stalledMs = 1_000;
const lookMs = 250;
/** A disk that gives no answer does not keep the process. */
const diskMsMax = 5_000;

export interface RecordUplinkOptions {
  readonly channel: Pick<ControlChannel, 'connect' | 'targets' | 'address'>;
  /** Where records go that memory should not hold; null: nowhere. */
  readonly spool?: RecordSpool | null;
  /** Whether the next records can only be kept in the place of others: told when it changes. */
  readonly onFull?: (full: boolean) => void;
  readonly log: Log;
}

/**
 * Sends access records upward on a stream of its own, in batches that are kept until they are
 * acknowledged and sent again on the next stream if they were not. While no control plane takes
 * them, or takes them too slowly, they go to the spool; what is there is sent before what came later.
 */
export class RecordUplink {
  readonly #options: RecordUplinkOptions;
  readonly #queue = new RecordQueue<RecordLines>(queueRecordsMax, queueBytesMax);
  readonly spool: RecordSpool | null;
  readonly #spiller: Spiller | null;
  readonly #stopping = new AbortController();
  #unacknowledged: readonly Batch[] = [];
  #call: ClientDuplexStream<RecordRequest, RecordResponse> | null = null;
  #batch = 0n;
  #timer: NodeJS.Timeout | null = null;
  #looking: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #idle: (() => void)[] = [];
  #read: SpooledBlock | null = null;
  #reading = false;
  #full = false;
  /** Since when something has waited, or the last confirmation came; as by performance.now(). */
  #takenAtMs = 0;

  constructor(options: RecordUplinkOptions) {
    this.#options = options;
    const { spool = null } = options;
    this.spool = spool;
    this.#spiller = spool === null ? null : new Spiller(this.#queue, spool);
    if (spool === null) return;
    spool.onDropped = (dropped) => this.addDropped(dropped);
    this.addDropped(spool.unreported);
  }

  start(): void {
    this.#takenAtMs = performance.now();
    this.#running = this.#keep();
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
    const memory = this.#unacknowledged.filter(({ blocks }) => blocks.length === 0);
    const underWay = memory.reduce((sum, { records }) => sum + records, 0);
    const spilling = this.#spiller?.records ?? 0;
    return this.#queue.length + underWay + spilling + (this.spool?.records ?? 0);
  }

  get droppedTotal(): DroppedRecords {
    return this.#queue.droppedTotal;
  }

  /**
   * Tries to get rid of everything, for so long at the most, and ends the stream. What is left then
   * is on disk when it resolves, if there is a spool that works.
   */
  async stop(flushMs: number): Promise<void> {
    if (this.backlog > 0) {
      const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
      this.#send();
      await Promise.race([idle, pause(flushMs, this.#stopping.signal)]);
    }
    this.#stopping.abort();
    this.#call?.cancel();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#looking !== null) clearInterval(this.#looking);
    await this.#running;
    const written = new AbortController();
    const bound = pause(diskMsMax, written.signal);
    await Promise.race([this.#writeDown(), bound]);
    written.abort();
  }

  async #writeDown(): Promise<void> {
    await this.#spiller?.finish(this.#unacknowledged);
    this.#noteUnreported();
    await this.spool?.close();
  }

  async #keep(): Promise<void> {
    const { channel, log } = this.#options;
    const { signal } = this.#stopping;
    let target = Math.floor(Math.random() * channel.targets);
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const openedAtMs = performance.now();
      const client = channel.connect(target, 'calls');
      const problem = await this.#run(client.record());
      client.close();
      if (signal.aborted) return;
      log.warn('records.stream_ended', { server: channel.address(target), problem });
      target += 1;
      if (performance.now() - openedAtMs >= goodStreamMs) attempt = 0;
      await pause(reconnectDelayMs(attempt), signal);
    }
  }

  async #run(call: ClientDuplexStream<RecordRequest, RecordResponse>): Promise<string> {
    this.#call = call;
    call.on('error', () => undefined);
    for (const { message } of this.#unacknowledged) call.write(message);
    this.#send();
    try {
      for await (const { batch } of call as AsyncIterable<RecordResponse>) {
        this.#confirm(batch);
        this.#send();
      }
      return 'the control plane closed the stream';
    } catch (error) {
      return problemOf(error);
    } finally {
      this.#call = null;
      call.cancel();
    }
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#send();
    }, lingerMs);
  }

  #confirm(batch: bigint): void {
    this.#takenAtMs = performance.now();
    const taken = this.#unacknowledged.filter(({ message }) => message.batch <= batch);
    this.#unacknowledged = this.#unacknowledged.filter(({ message }) => message.batch > batch);
    for (const one of taken) one.confirmed = true;
    const blocks = taken.flatMap((one) => one.blocks);
    if (blocks.length > 0) void this.spool?.confirm(blocks).then(() => this.#tellWhetherFull());
    this.#noteUnreported();
  }

  #send(): void {
    while (this.#call !== null && this.#unacknowledged.length < windowMax) {
      const batch = this.#nextBatch();
      if (batch === null) break;
      this.#unacknowledged = [...this.#unacknowledged, batch];
      this.#call.write(batch.message);
    }
    if (this.backlog > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** The oldest: from disk, then what the disk did not take, then from memory. */
  #nextBatch(): Batch | null {
    const block = this.#read;
    this.#read = null;
    if (block !== null) {
      this.#readAhead();
      this.#batch += 1n;
      return batchOfBlock(this.#batch, block, this.#queue.takeDropped());
    }
    if (this.#reading || this.spool?.hasUnread === true) {
      this.#readAhead();
      return null;
    }
    if (this.#spiller?.busy === true) return null;
    const back = this.#spiller?.takeBack() ?? [];
    const items = back.length > 0 ? back : this.#queue.take(batchRecordsMax, batchBytesMax);
    if (items.length === 0) return null;
    this.#batch += 1n;
    return batchOfItems(this.#batch, items, this.#queue.takeDropped());
  }

  #readAhead(): void {
    if (this.#reading || this.spool?.hasUnread !== true) return;
    this.#reading = true;
    void this.spool.next().then((block) => {
      this.#reading = false;
      this.#read = block;
      // Where it could not be read, the next look tries again.
      if (block !== null || this.spool?.hasUnread !== true) this.#send();
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
    const underWay = this.#stalled ? this.#unacknowledged : [];
    void this.#spiller.work(underWay, this.#wantsSpill).then(() => {
      this.#tellWhetherFull();
      this.#send();
    });
  }

  #look(): void {
    void this.spool?.lookAgain();
    if (this.#wantsSpill() || this.#stalled) this.#spill();
    else this.#send();
    this.#tellWhetherFull();
  }

  #tellWhetherFull(): void {
    const spool = this.spool;
    const memoryAlone = spool === null || spool.failing;
    const full = spool?.full === true || (memoryAlone && this.#queue.tight);
    if (full === this.#full) return;
    this.#full = full;
    this.#options.onFull?.(full);
  }

  /** What nobody has confirmed to have heard of must survive the process. */
  #noteUnreported(): void {
    const underWay = this.#unacknowledged.map(({ dropped }) => dropped);
    this.spool?.noteUnreported(underWay.reduce(addDropped, this.#queue.unreported));
  }
}

/** Of a control plane that cannot be reached, gRPC has only its libraries' own text to tell. */
function problemOf(error: unknown): string {
  const code = serviceErrorCode(error);
  const name = code === null ? undefined : status[code];
  if (!(error instanceof Error) || name === undefined) return String(error);
  return code === status.UNAVAILABLE ? name : error.message;
}
