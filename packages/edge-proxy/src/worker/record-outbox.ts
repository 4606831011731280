import type { AccessRecord } from '@sallyport/shared/access-record';
import { RecordQueue } from '../ops/records/record-queue.ts';
import type { FromWorker } from './messages.ts';

const queueRecordsMax = 8_192;
const queueBytesMax = 16 * 1024 * 1024;
const batchRecordsMax = 256;
const batchBytesMax = 512 * 1024;
/** Batches that the main thread has not taken yet. */
const inFlightMax = 4;
const lingerMs = 5;

/** The worker's end of the way of the records: a bounded ring, emptied in batches. */
export class RecordOutbox {
  readonly #post: (message: FromWorker) => void;
  readonly #queue = new RecordQueue(queueRecordsMax, queueBytesMax);
  #inFlight = 0;
  #timer: NodeJS.Timeout | null = null;
  #whenEmpty: (() => void)[] = [];

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  /** Never waits; a record that cannot be encoded is a bug and throws. */
  push(record: AccessRecord): void {
    const denial = record.outcome !== 'permit' && record.outcome !== 'own';
    this.#queue.push({ json: JSON.stringify(record), denial });
    this.#timer ??= setTimeout(() => this.flush(), lingerMs);
  }

  /** The main thread has taken so many batches. */
  taken(batches: number): void {
    this.#inFlight -= batches;
    this.flush();
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#inFlight < inFlightMax) {
      const records = this.#queue.take(batchRecordsMax, batchBytesMax);
      if (records.length === 0) break;
      this.#inFlight += 1;
      this.#post({ type: 'records', records, dropped: this.#queue.takeDropped() });
    }
    if (this.#queue.length > 0) return;
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
