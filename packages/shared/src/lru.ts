import { type Clock, systemClock } from './clock.ts';

export interface LruOptions {
  /** Entries at the most; the one that was used least recently goes. */
  readonly sizeMax: number;
  /** Life of an entry from when it was set, milliseconds. Default: until it is pushed out. */
  readonly ttlMs?: number;
  readonly clock?: Clock;
}

interface Entry<V> {
  readonly value: V;
  readonly expiresAtMs: number;
}

/** A map with a bound. It never shows an expired value. */
export class Lru<K, V> {
  // A Map keeps the order in which keys were set; a use sets the key again.
  readonly #entries = new Map<K, Entry<V>>();
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
    this.#entries.delete(key);
    // A life without end is not worth asking the clock, which is not free on a hot path.
    const mayExpire = entry.expiresAtMs !== Number.POSITIVE_INFINITY;
    if (mayExpire && entry.expiresAtMs <= this.#clock()) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** `expiresAtMs` shortens the life that `ttlMs` gives, and never makes it longer. */
  set(key: K, value: V, expiresAtMs: number = Number.POSITIVE_INFINITY): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#sizeMax) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    const limit =
      this.#ttlMs === Number.POSITIVE_INFINITY ? expiresAtMs : this.#clock() + this.#ttlMs;
    this.#entries.set(key, { value, expiresAtMs: Math.min(limit, expiresAtMs) });
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
