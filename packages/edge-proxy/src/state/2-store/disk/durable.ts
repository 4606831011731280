/** Waits that are told apart; while a disk fails, what comes later waits with the last of them. */
const waitsMax = 64;

interface Wait {
  upTo: number;
  readonly done: Promise<void>;
  readonly wake: () => void;
}

/** How much of what was written to one lane would outlive a power cut. */
export class Durable {
  /** Changes of the rows so far. */
  #changes = 0;
  #kept = 0;
  #waiting: Wait[] = [];

  get changes(): number {
    return this.#changes;
  }

  /** The rows have changed. */
  changed(): void {
    this.#changes += 1;
  }

  /** All up to this number of changes is on disk for good. */
  reached(changes: number): void {
    this.#kept = Math.max(this.#kept, changes);
    const woken = this.#waiting.filter(({ upTo }) => upTo <= this.#kept);
    this.#waiting = this.#waiting.filter(({ upTo }) => upTo > this.#kept);
    for (const { wake } of woken) wake();
  }

  /**
   * null: all is. Else resolves when all that has changed until now is; never while the disk fails.
   * Who waits for the same gets the same promise.
   */
  wait(): Promise<void> | null {
    const upTo = this.#changes;
    if (upTo <= this.#kept) return null;
    const last = this.#waiting.at(-1);
    if (last !== undefined && (last.upTo === upTo || this.#waiting.length >= waitsMax)) {
      last.upTo = upTo;
      return last.done;
    }
    const { promise: done, resolve: wake } = Promise.withResolvers<void>();
    this.#waiting.push({ upTo, done, wake });
    return done;
  }
}
