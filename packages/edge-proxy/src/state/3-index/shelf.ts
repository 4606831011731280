/**
 * Values by configuration version, a bounded number of them: when it is full, the value that was
 * put first and is not in use goes. The main thread and every worker keep one and put and drop the
 * same versions in the same order, so that what is known here is known there.
 */
export class Shelf<T> {
  readonly #values = new Map<number, T>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(version: number): T | null {
    return this.#values.get(version) ?? null;
  }

  has(version: number): boolean {
    return this.#values.has(version);
  }

  /** Puts a value; those in `inUse` are never dropped for it. */
  put(version: number, value: T, inUse: ReadonlySet<number>): void {
    this.#values.delete(version);
    this.#values.set(version, value);
    for (const candidate of this.#values.keys()) {
      if (this.#values.size <= this.#limit) return;
      if (candidate !== version && !inUse.has(candidate)) this.#values.delete(candidate);
    }
  }

  drop(version: number): void {
    this.#values.delete(version);
  }

  copy(): Shelf<T> {
    const shelf = new Shelf<T>(this.#limit);
    for (const [version, value] of this.#values) shelf.#values.set(version, value);
    return shelf;
  }
}

/** Compiled versions that an edge keeps at hand, for rings that follow each other and roll-backs. */
export const bundlesKept = 8;
