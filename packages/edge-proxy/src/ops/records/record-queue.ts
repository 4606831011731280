import type { DroppedRecords, EncodedRecord } from '../../worker/messages.ts';

interface Queued {
  readonly order: number;
  readonly record: EncodedRecord;
}

const nothing: DroppedRecords = { permits: 0, denials: 0 };

/**
 * A bounded queue of access records. When it is full, the oldest permit makes room; denials go only
 * when there is nothing else. What is dropped is counted until somebody takes the count.
 */
export class RecordQueue {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  readonly #permits = new Fifo<Queued>();
  readonly #denials = new Fifo<Queued>();
  #bytes = 0;
  #order = 0;
  #unreported = nothing;
  #total = nothing;

  constructor(recordsMax: number, bytesMax: number) {
    this.#recordsMax = recordsMax;
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#permits.length + this.#denials.length;
  }

  push(record: EncodedRecord): void {
    this.#order += 1;
    const queue = record.denial ? this.#denials : this.#permits;
    queue.push({ order: this.#order, record });
    this.#bytes += record.json.length;
    while (this.length > this.#recordsMax || this.#bytes > this.#bytesMax) this.#dropOne();
  }

  /** Takes the oldest records, up to a number and to a size (but one at least). */
  take(recordsMax: number, bytesMax: number): EncodedRecord[] {
    const taken: EncodedRecord[] = [];
    let bytes = 0;
    while (taken.length < recordsMax) {
      const queue = this.#older();
      const next = queue?.peek();
      if (queue === null || next === undefined) break;
      bytes += next.record.json.length;
      if (taken.length > 0 && bytes > bytesMax) break;
      queue.shift();
      this.#bytes -= next.record.json.length;
      taken.push(next.record);
    }
    return taken;
  }

  /** Adds losses that happened before this queue to what `takeDropped` reports. */
  addDropped(dropped: DroppedRecords): void {
    this.#unreported = sum(this.#unreported, dropped);
  }

  /** What was dropped since the last call. */
  takeDropped(): DroppedRecords {
    const dropped = this.#unreported;
    this.#unreported = nothing;
    return dropped;
  }

  /** What this queue itself has dropped in its life. */
  get droppedTotal(): DroppedRecords {
    return this.#total;
  }

  #older(): Fifo<Queued> | null {
    const permit = this.#permits.peek();
    const denial = this.#denials.peek();
    if (permit === undefined) return denial === undefined ? null : this.#denials;
    if (denial === undefined) return this.#permits;
    return permit.order < denial.order ? this.#permits : this.#denials;
  }

  #dropOne(): void {
    const permit = this.#permits.shift();
    const dropped = permit ?? this.#denials.shift();
    if (dropped === undefined) return;
    this.#bytes -= dropped.record.json.length;
    const one = permit === undefined ? { permits: 0, denials: 1 } : { permits: 1, denials: 0 };
    this.#unreported = sum(this.#unreported, one);
    this.#total = sum(this.#total, one);
  }
}

function sum(a: DroppedRecords, b: DroppedRecords): DroppedRecords {
  return { permits: a.permits + b.permits, denials: a.denials + b.denials };
}

/** First in, first out, without moving everything on each shift. */
class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
