/** How much of what was written to one lane would outlive a power cut. */
export class Durable {
  /** Changes of the rows so far. */
  #changes = 0;
  #kept = 0;
  #waiting: { readonly upTo: number; readonly wake: () => void }[] = [];

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

  /** null: all is. Else resolves when all that has changed until now is; never while the disk fails. */
  wait(): Promise<void> | null {
    const upTo = this.#changes;
    if (upTo <= this.#kept) return null;
    return new Promise((wake) => this.#waiting.push({ upTo, wake }));
  }
}
