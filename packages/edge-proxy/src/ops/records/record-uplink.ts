import { create } from '@bufbuild/protobuf';
import { type RecordRequest, RecordRequestSchema, type RecordResponse } from '@sallyport/proto';
import type { DroppedRecords, RecordLines } from '../../worker/messages.ts';
import { BatchUplink, type BatchUplinkOptions } from '../batch-uplink.ts';
import { RecordQueue } from './record-queue.ts';

const queueRecordsMax = 65_536;
const queueBytesMax = 64 * 1024 * 1024;
const batchRecordsMax = 1_024;
const batchBytesMax = 1024 * 1024;
/** A record waits this long for others to share its batch. */
const lingerMs = 50;

interface Batch {
  readonly lines: readonly RecordLines[];
  readonly dropped: DroppedRecords;
}

export type RecordUplinkOptions = Pick<
  BatchUplinkOptions<Batch, RecordRequest, RecordResponse>,
  'channel' | 'log'
>;

/** Sends access records upward, in batches on a stream of their own. */
export class RecordUplink {
  readonly #queue = new RecordQueue<RecordLines>(queueRecordsMax, queueBytesMax);
  readonly #uplink: BatchUplink<Batch, RecordRequest, RecordResponse>;
  #timer: NodeJS.Timeout | null = null;

  constructor({ channel, log }: RecordUplinkOptions) {
    this.#uplink = new BatchUplink({
      channel,
      log,
      streamEnded: 'records.stream_ended',
      open: (client) => client.record(),
      next: () => this.#next(),
      isEmpty: () => this.#queue.length === 0,
      request,
    });
  }

  start(): void {
    this.#uplink.start();
  }

  push(lines: RecordLines): void {
    this.#queue.push(lines);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#uplink.send();
    }, lingerMs);
  }

  /** Losses before this queue, to be told to the control plane. */
  addDropped(dropped: DroppedRecords): void {
    this.#queue.addDropped(dropped);
  }

  /** Records that wait or are under way. */
  get backlog(): number {
    return this.#uplink.underWay.reduce(
      (sum, { lines }) => sum + recordsIn(lines),
      this.#queue.length,
    );
  }

  get droppedTotal(): DroppedRecords {
    return this.#queue.droppedTotal;
  }

  /** Tries to get rid of everything, for so long at the most, and ends the stream. */
  async stop(flushMs: number): Promise<void> {
    await this.#uplink.stop(flushMs);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #next(): Batch | null {
    const lines = this.#queue.take(batchRecordsMax, batchBytesMax);
    return lines.length === 0 ? null : { lines, dropped: this.#queue.takeDropped() };
  }
}

function request({ lines, dropped }: Batch, batch: bigint): RecordRequest {
  return create(RecordRequestSchema, {
    batch,
    recordsJson: lines.map((one) => one.lines),
    dropped: droppedCounts(dropped),
  });
}

function recordsIn(lines: readonly RecordLines[]): number {
  return lines.reduce((sum, { records }) => sum + records, 0);
}

function droppedCounts({ permits, denials }: DroppedRecords): Record<string, bigint> {
  return {
    ...(permits > 0 ? { permit: BigInt(permits) } : {}),
    ...(denials > 0 ? { denial: BigInt(denials) } : {}),
  };
}
