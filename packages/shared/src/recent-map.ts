/**
 * A map with a bound that a hit does not change: what was used since half of it was filled stays, and
 * of the rest what was used longest ago goes. A list in the order of use would be changed by each hit.
 */
export class RecentMap<K, V> {
  readonly #halfMax: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** `sizeMax`: entries at the most. */
  constructor(sizeMax: number) {
    this.#halfMax = Math.max(1, Math.floor(sizeMax / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  set(key: K, value: V): void {
    this.#old.delete(key);
    if (this.#young.size >= this.#halfMax && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
