import type { Writable } from 'node:stream';
import { pause } from '../../state/1-sync/reconnect.ts';
import type { DroppedRecords, RecordLines } from '../../worker/messages.ts';
import { RecordQueue } from './record-queue.ts';

const queueRecordsMax = 10_000;
const queueBytesMax = 16 * 1024 * 1024;

/**
 * Writes access records as JSON lines without ever waiting: while the reader does not take them
 * they stay in a bounded queue. Node alone would buffer without end.
 */
export class LineWriter {
  readonly #output: Writable;
  readonly #queue = new RecordQueue<RecordLines>(queueRecordsMax, queueBytesMax);
  #blocked = true;
  #broken = false;

  constructor(output: Writable) {
    this.#output = output;
    output.on('drain', () => {
      this.#blocked = false;
      this.#flush();
    });
    // The reader has gone. The process must live on; records still go upward.
    output.on('error', () => {
      this.#broken = true;
    });
  }

  /** Writes the first line; records that came before it follow. */
  start(line: string): void {
    this.#blocked = !this.#output.write(`${line}\n`);
    this.#flush();
  }

  write(lines: RecordLines): void {
    this.#queue.push(lines);
    this.#flush();
  }

  /** Waits until the reader has everything, for so long at the most. */
  async end(waitMs: number): Promise<void> {
    const waiting = new AbortController();
    const isLate = pause(waitMs, waiting.signal).then(() => true);
    let done = false;
    while (!done && !this.#broken && (this.#queue.length > 0 || this.#output.writableLength > 0)) {
      const written = new Promise<boolean>((resolve) => {
        this.#output.write('', () => resolve(false));
      });
      done = await Promise.race([written, isLate]);
    }
    waiting.abort();
  }

  get droppedTotal(): DroppedRecords {
    return this.#queue.droppedTotal;
  }

  #flush(): void {
    while (!this.#blocked && !this.#broken && this.#queue.length > 0) {
      const [next] = this.#queue.take(1, 1);
      if (next === undefined) return;
      this.#blocked = !this.#output.write(next.lines);
    }
  }
}
