import { create } from '@bufbuild/protobuf';
import { type RecordRequest, RecordRequestSchema, type RecordResponse } from '@sallyport/proto';
import { type ClientDuplexStream, status } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import { serviceErrorCode } from '../../identity/call-failure.ts';
import type { ControlChannel } from '../../identity/control-channel.ts';
import { pause, reconnectDelayMs } from '../../state/1-sync/reconnect.ts';
import type { DroppedRecords, RecordLines } from '../../worker/messages.ts';
import { RecordQueue } from './record-queue.ts';

const queueRecordsMax = 65_536;
const queueBytesMax = 64 * 1024 * 1024;
const batchRecordsMax = 1_024;
const batchBytesMax = 1024 * 1024;
/** Batches sent and not yet acknowledged. */
const windowMax = 4;
/** A record waits this long for others to share its batch. */
const lingerMs = 50;
const goodStreamMs = 10_000;

interface Batch {
  readonly message: RecordRequest;
  readonly records: number;
}

export interface RecordUplinkOptions {
  readonly channel: Pick<ControlChannel, 'connect' | 'targets' | 'address'>;
  readonly log: Log;
}

/**
 * Sends access records upward on a stream of its own, in batches that are kept until they are
 * acknowledged and sent again on the next stream if they were not.
 */
export class RecordUplink {
  readonly #options: RecordUplinkOptions;
  readonly #queue = new RecordQueue<RecordLines>(queueRecordsMax, queueBytesMax);
  readonly #stopping = new AbortController();
  #unacknowledged: Batch[] = [];
  #call: ClientDuplexStream<RecordRequest, RecordResponse> | null = null;
  #batch = 0n;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #idle: (() => void)[] = [];

  constructor(options: RecordUplinkOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#keep();
  }

  push(lines: RecordLines): void {
    this.#queue.push(lines);
    this.#schedule();
  }

  /** Losses before this queue, to be told to the control plane. */
  addDropped(dropped: DroppedRecords): void {
    this.#queue.addDropped(dropped);
  }

  /** Records that wait or are under way. */
  get backlog(): number {
    return this.#queue.length + this.#unacknowledged.reduce((sum, { records }) => sum + records, 0);
  }

  get droppedTotal(): DroppedRecords {
    return this.#queue.droppedTotal;
  }

  /** Tries to get rid of everything, for so long at the most, and ends the stream. */
  async stop(flushMs: number): Promise<void> {
    if (this.backlog > 0) {
      const idle = new Promise<void>((resolve) => this.#idle.push(resolve));
      this.#send();
      await Promise.race([idle, pause(flushMs, this.#stopping.signal)]);
    }
    this.#stopping.abort();
    this.#call?.cancel();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
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
        this.#unacknowledged = this.#unacknowledged.filter(({ message }) => message.batch > batch);
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

  #send(): void {
    while (this.#call !== null && this.#unacknowledged.length < windowMax) {
      const batch = this.#nextBatch();
      if (batch === null) break;
      this.#unacknowledged.push(batch);
      this.#call.write(batch.message);
    }
    if (this.backlog > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #nextBatch(): Batch | null {
    const taken = this.#queue.take(batchRecordsMax, batchBytesMax);
    if (taken.length === 0) return null;
    const dropped = this.#queue.takeDropped();
    this.#batch += 1n;
    const message = create(RecordRequestSchema, {
      batch: this.#batch,
      recordsJson: taken.map(({ lines }) => lines),
      dropped: droppedCounts(dropped),
    });
    return { message, records: taken.reduce((sum, { records }) => sum + records, 0) };
  }
}

/** Of a control plane that cannot be reached, gRPC has only its libraries' own text to tell. */
function problemOf(error: unknown): string {
  const code = serviceErrorCode(error);
  const name = code === null ? undefined : status[code];
  if (!(error instanceof Error) || name === undefined) return String(error);
  return code === status.UNAVAILABLE ? name : error.message;
}

function droppedCounts({ permits, denials }: DroppedRecords): Record<string, bigint> {
  return {
    ...(permits > 0 ? { permit: BigInt(permits) } : {}),
    ...(denials > 0 ? { denial: BigInt(denials) } : {}),
  };
}
