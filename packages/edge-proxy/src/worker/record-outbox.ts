import type { AccessRecord } from '@sallyport/shared/access-record';
import { RecordQueue } from '../ops/records/record-queue.ts';
import type { FromWorker, RecordLines } from './messages.ts';
import { linesOf, OpenLines } from './open-lines.ts';
import { recordText } from './record-text.ts';

const queueRecordsMax = 8_192;
const queueBytesMax = 16 * 1024 * 1024;
const batchRecordsMax = 1_024;
const batchBytesMax = 512 * 1024;
/** Batches that the main thread has not taken yet. */
const inFlightMax = 4;
/** Each batch wakes the main thread, which may have to share a core with this one. */
const lingerMs = 50;

/** Hands a message to the main thread; the buffers move there and are gone here. */
export type PostRecords = (
  message: Extract<FromWorker, { readonly type: 'records' }>,
  buffers: ArrayBuffer[],
) => void;

/**
 * The worker's end of the way of the records: a bounded ring, emptied in batches. A record becomes
 * bytes outside the heap at once: as texts they would wait long enough to be moved by collections.
 */
export class RecordOutbox {
  readonly #post: PostRecords;
  readonly #queue = new RecordQueue<RecordLines>(queueRecordsMax, queueBytesMax);
  readonly #permits = new OpenLines(false);
  readonly #denials = new OpenLines(true);
  #inFlight = 0;
  #timer: NodeJS.Timeout | null = null;
  #whenEmpty: (() => void)[] = [];

  constructor(post: PostRecords) {
    this.#post = post;
  }

  /** Whether it may soon have to drop something. */
  get tight(): boolean {
    return this.#queue.tight;
  }

  /** Never waits; a record that cannot be encoded is a bug and throws. */
  push(record: AccessRecord): void {
    const text = recordText(record);
    const isDenial = record.outcome !== 'permit' && record.outcome !== 'own';
    const open = isDenial ? this.#denials : this.#permits;
    if (!open.add(text)) {
      this.#close(open);
      if (!open.add(text)) this.#queue.push(linesOf(text, isDenial));
      if (this.#queue.bytes >= batchBytesMax) this.#send();
    }
    this.#timer ??= setTimeout(() => this.flush(), lingerMs);
  }

  /** A record of anything but a permit is not written: that is told with the next batch. */
  lost(): void {
    this.#queue.addDropped({ permits: 0, denials: 1 });
  }

  /** The main thread has taken so many batches. */
  taken(batches: number): void {
    this.#inFlight -= batches;
    // Who waits for all of them waits for those that have come since as well.
    if (this.#whenEmpty.length > 0) this.flush();
    else this.#send();
  }

  /** Hands on what there is, as far as the main thread keeps up. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#close(this.#permits);
    this.#close(this.#denials);
    this.#send();
  }

  #close(open: OpenLines): void {
    const lines = open.take();
    if (lines !== null) this.#queue.push(lines);
  }

  #send(): void {
    while (this.#inFlight < inFlightMax) {
      const records = this.#queue.take(batchRecordsMax, batchBytesMax);
      if (records.length === 0) break;
      this.#inFlight += 1;
      this.#post(
        { type: 'records', records, dropped: this.#queue.takeDropped() },
        records.map(({ lines }) => lines.buffer),
      );
    }
    if (this.#queue.length > 0 || !this.#permits.isEmpty || !this.#denials.isEmpty) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Resolves when every record has been handed to the main thread. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
      this.flush();
    });
  }
}
