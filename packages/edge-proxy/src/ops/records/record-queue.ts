import { addDropped, droppedOf, nothingDropped } from '../../worker/dropped-records.ts';
import type { DroppedRecords } from '../../worker/messages.ts';

/** One record, or several of one class that stay together. */
export interface Queueable {
  readonly records: number;
  readonly bytes: number;
  /** Anything but permits; outranks permits when records must be dropped. */
  readonly denial: boolean;
}

interface Queued<Item> {
  readonly order: number;
  readonly item: Item;
}

const tightShare = 0.75;

/**
 * A bounded queue of access records. When it is full, the oldest permit makes room; denials go only
 * when there is nothing else. What is dropped is counted until somebody takes the count.
 */
export class RecordQueue<Item extends Queueable> {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  readonly #permits = new Fifo<Queued<Item>>();
  readonly #denials = new Fifo<Queued<Item>>();
  #records = 0;
  #bytes = 0;
  #order = 0;
  #unreported = nothingDropped;
  #total = nothingDropped;

  constructor(recordsMax: number, bytesMax: number) {
    this.#recordsMax = recordsMax;
    this.#bytesMax = bytesMax;
  }

  /** Records in it. */
  get length(): number {
    return this.#records;
  }

  /** Of what is in it. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether so little room is left that something may have to be dropped soon. */
  get tight(): boolean {
    const most = tightShare;
    return this.#records > this.#recordsMax * most || this.#bytes > this.#bytesMax * most;
  }

  push(item: Item): void {
    this.#order += 1;
    const queue = item.denial ? this.#denials : this.#permits;
    queue.push({ order: this.#order, item });
    this.#records += item.records;
    this.#bytes += item.bytes;
    while (this.#records > this.#recordsMax || this.#bytes > this.#bytesMax) this.#dropOne();
  }

  /** Takes the oldest, up to a number of records and to a size (but one item at least). */
  take(recordsMax: number, bytesMax: number): Item[] {
    const taken: Item[] = [];
    let records = 0;
    let bytes = 0;
    for (;;) {
      const queue = this.#older();
      const next = queue?.peek()?.item;
      if (queue === null || next === undefined) break;
      records += next.records;
      bytes += next.bytes;
      if (taken.length > 0 && (records > recordsMax || bytes > bytesMax)) break;
      this.#remove(queue);
      taken.push(next);
    }
    return taken;
  }

  /** Adds losses that happened before this queue to what `takeDropped` reports. */
  addDropped(dropped: DroppedRecords): void {
    this.#unreported = addDropped(this.#unreported, dropped);
  }

  /** What was dropped since `takeDropped` was called. */
  get unreported(): DroppedRecords {
    return this.#unreported;
  }

  /** What was dropped since the last call. */
  takeDropped(): DroppedRecords {
    const dropped = this.#unreported;
    this.#unreported = nothingDropped;
    return dropped;
  }

  /** What this queue itself has dropped in its life. */
  get droppedTotal(): DroppedRecords {
    return this.#total;
  }

  #older(): Fifo<Queued<Item>> | null {
    const permit = this.#permits.peek();
    const denial = this.#denials.peek();
    if (permit === undefined) return denial === undefined ? null : this.#denials;
    if (denial === undefined) return this.#permits;
    return permit.order < denial.order ? this.#permits : this.#denials;
  }

  #remove(queue: Fifo<Queued<Item>>): Item | null {
    const item = queue.shift()?.item ?? null;
    if (item === null) return null;
    this.#records -= item.records;
    this.#bytes -= item.bytes;
    return item;
  }

  #dropOne(): void {
    const item = this.#remove(this.#permits) ?? this.#remove(this.#denials);
    if (item === null) return;
    const lost = droppedOf(item.records, item.denial);
    this.#unreported = addDropped(this.#unreported, lost);
    this.#total = addDropped(this.#total, lost);
  }
}

/** First in, first out, without moving everything on each shift. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    // It may be large, and what is in front of the head is cut off only now and then.
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
