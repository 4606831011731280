import { type Clock, systemClock } from './clock.ts';

export interface LruOptions {
  /** Entries at the most; the one that was used least recently goes. */
  readonly sizeMax: number;
  /** Life of an entry from when it was set, milliseconds. Default: until it is pushed out. */
  readonly ttlMs?: number;
  readonly clock?: Clock;
}

interface Entry<K, V> {
  readonly key: K;
  readonly value: V;
  readonly expiresAtMs: number;
  /** Used before it, and after it; null: none is. */
  older: Entry<K, V> | null;
  newer: Entry<K, V> | null;
}

/** A map with a bound. It never shows an expired value. */
export class Lru<K, V> {
  // The order in which they were used is a chain of its own. The order of a Map is only changed by
  // setting anew, which leaves tables behind that keep each other from being collected.
  readonly #entries = new Map<K, Entry<K, V>>();
  #oldest: Entry<K, V> | null = null;
  #newest: Entry<K, V> | null = null;
  readonly #sizeMax: number;
  readonly #ttlMs: number;
  readonly #clock: Clock;

  constructor({ sizeMax, ttlMs = Number.POSITIVE_INFINITY, clock = systemClock }: LruOptions) {
    if (!Number.isSafeInteger(sizeMax) || sizeMax < 1) throw new RangeError('sizeMax is below 1');
    this.#sizeMax = sizeMax;
    this.#ttlMs = ttlMs;
    this.#clock = clock;
  }

  /** Entries held, those included that have expired and were not asked for since. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    // A life without end is not worth asking the clock, which is not free on a hot path.
    const mayExpire = entry.expiresAtMs !== Number.POSITIVE_INFINITY;
    if (mayExpire && entry.expiresAtMs <= this.#clock()) {
      this.#remove(entry);
      return undefined;
    }
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#append(entry);
    }
    return entry.value;
  }

  /** `expiresAtMs` shortens the life that `ttlMs` gives, and never makes it longer. */
  set(key: K, value: V, expiresAtMs: number = Number.POSITIVE_INFINITY): void {
    const before = this.#entries.get(key);
    if (before !== undefined) this.#unlink(before);
    else if (this.#oldest !== null && this.size >= this.#sizeMax) this.#remove(this.#oldest);
    const limit =
      this.#ttlMs === Number.POSITIVE_INFINITY ? expiresAtMs : this.#clock() + this.#ttlMs;
    const end = Math.min(limit, expiresAtMs);
    const entry: Entry<K, V> = { key, value, expiresAtMs: end, older: null, newer: null };
    this.#entries.set(key, entry);
    this.#append(entry);
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#remove(entry);
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#oldest = null;
    this.#newest = null;
  }

  #remove(entry: Entry<K, V>): void {
    this.#entries.delete(entry.key);
    this.#unlink(entry);
  }

  #append(entry: Entry<K, V>): void {
    entry.older = this.#newest;
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  /** What has gone points at nothing: it would keep what came after it. */
  #unlink(entry: Entry<K, V>): void {
    const { older, newer } = entry;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    entry.older = null;
    entry.newer = null;
  }
}
