/** First in, first out, with a bound: what is oldest makes room, and is counted. */
export class BoundedQueue<T> {
  readonly #lengthMax: number;
  #items: T[] = [];
  #head = 0;
  #dropped = 0;
  #droppedTotal = 0;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
    if (this.length <= this.#lengthMax) return;
    this.#head += 1;
    this.#droppedTotal += 1;
    this.addDropped(1);
    if (this.#head > this.#lengthMax) this.#shorten();
  }

  /** Takes the oldest, so many at the most. */
  take(countMax: number): T[] {
    const taken = this.#items.slice(this.#head, this.#head + countMax);
    this.#head += taken.length;
    this.#shorten();
    return taken;
  }

  /** Adds losses that happened before this queue to what `takeDropped` tells. */
  addDropped(count: number): void {
    this.#dropped += count;
  }

  /** How many were lost since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** How many this queue itself has lost in its life. */
  get droppedTotal(): number {
    return this.#droppedTotal;
  }

  #shorten(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
