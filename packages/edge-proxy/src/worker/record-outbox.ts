import type { AccessRecord } from '@sallyport/shared/access-record';
import { type Queueable, RecordQueue } from '../ops/records/record-queue.ts';
import { escapeControls } from './escape-controls.ts';
import type { FromWorker, RecordLines } from './messages.ts';

const queueRecordsMax = 8_192;
const queueBytesMax = 16 * 1024 * 1024;
const batchRecordsMax = 256;
const batchBytesMax = 512 * 1024;
/** Batches that the main thread has not taken yet. */
const inFlightMax = 4;
const lingerMs = 10;

interface Line extends Queueable {
  readonly json: string;
}

/** Hands a message to the main thread; the buffers move there and are gone here. */
export type PostRecords = (
  message: Extract<FromWorker, { readonly type: 'records' }>,
  buffers: ArrayBuffer[],
) => void;

/** The worker's end of the way of the records: a bounded ring, emptied in batches. */
export class RecordOutbox {
  readonly #post: PostRecords;
  readonly #queue = new RecordQueue<Line>(queueRecordsMax, queueBytesMax);
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
    const json = JSON.stringify(record);
    const denial = record.outcome !== 'permit' && record.outcome !== 'own';
    this.#queue.push({ json, records: 1, bytes: json.length, denial });
    this.#timer ??= setTimeout(() => this.flush(), lingerMs);
  }

  /** A record of anything but a permit is not written: that is told with the next batch. */
  lost(): void {
    this.#queue.addDropped({ permits: 0, denials: 1 });
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
      const taken = this.#queue.take(batchRecordsMax, batchBytesMax);
      if (taken.length === 0) break;
      this.#inFlight += 1;
      const records = [encode(taken, false), encode(taken, true)].filter((lines) => lines !== null);
      this.#post(
        { type: 'records', records, dropped: this.#queue.takeDropped() },
        records.map(({ lines }) => lines.buffer),
      );
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

const encoder = new TextEncoder();

/** The records of one class as lines; null where there are none. */
function encode(taken: readonly Line[], denial: boolean): RecordLines | null {
  let text = '';
  let records = 0;
  for (const line of taken) {
    if (line.denial !== denial) continue;
    text += `${line.json}\n`;
    records += 1;
  }
  if (records === 0) return null;
  const plain = encoder.encode(text);
  // As many bytes as characters: all of it is ASCII, as nearly always.
  const acts = plain.length !== text.length || text.includes('\u007f');
  const lines = acts ? encoder.encode(escapeControls(text)) : plain;
  return { lines, bytes: lines.length, records, denial };
}
