/** Virtual time: what is to happen, in the order of its instants, and of its planning within one. */
export class Timeline {
  /** Large: nothing may take an instant for a length of time. */
  #nowMs = 1_000_000_000;
  #planned = 0;
  readonly #heap: Entry[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): void {
    this.#planned += 1;
    this.#push({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#planned, action });
  }

  /** Each `everyMs` from `firstMs` on, for as long as `action` says so. */
  every(firstMs: number, everyMs: number, action: () => boolean): void {
    this.after(firstMs, () => {
      if (action()) this.every(everyMs, everyMs, action);
    });
  }

  /** Lets time pass up to an instant. */
  runTo(untilMs: number): void {
    for (
      let next = this.#heap[0];
      next !== undefined && next.atMs <= untilMs;
      next = this.#heap[0]
    ) {
      this.#pop();
      this.#nowMs = next.atMs;
      next.action();
    }
    this.#nowMs = untilMs;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(entry, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = smaller(heap, at * 2 + 1);
      const entry = heap[child];
      if (entry === undefined || !before(entry, last)) break;
      heap[at] = entry;
      at = child;
    }
    heap[at] = last;
  }
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}

function smaller(heap: readonly Entry[], left: number): number {
  const one = heap[left];
  const other = heap[left + 1];
  return one !== undefined && other !== undefined && before(other, one) ? left + 1 : left;
}
