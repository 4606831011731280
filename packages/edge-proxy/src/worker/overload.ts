/** Why requests are turned away. */
export type OverloadCause = 'lag' | 'memory';

export interface OverloadLimits {
  /** How late the event loop of a worker may be, milliseconds; 0: it may always. */
  readonly lagMs: number;
  /** Share of the memory that the process may have; 1: all of it. */
  readonly memoryShare: number;
}

/** What is seen at one look. */
export interface Load {
  /** As by performance.now(). */
  readonly nowMs: number;
  /** How late the event loop was. */
  readonly lagMs: number;
  /** `short`: too little to begin again, enough to go on. */
  readonly memory: 'enough' | 'short' | 'scarce';
}

/** A pause is no overload: a collection, a machine that was asleep. */
const sustainedMs = 1_000;
/** Requests of a hundred: where it begins, and by how much it changes with a look. */
const first = 50;
const more = 10;
const less = 2;
const all = 100;

/**
 * How many of the new requests are turned away. An event loop that stays late turns away more of them
 * with each look, one that keeps up fewer, so that it serves what it can; where memory runs out all
 * are. What has begun goes on.
 */
export class Overload {
  readonly #lagMsMax: number;
  #cause: OverloadCause | null = null;
  /** Of a hundred requests so many are turned away. */
  #percent = 0;
  #owed = 0;
  #lateSinceMs: number | null = null;

  constructor({ lagMs }: Pick<OverloadLimits, 'lagMs'>) {
    this.#lagMsMax = lagMs === 0 ? Number.POSITIVE_INFINITY : lagMs;
  }

  /** null: every request is taken. */
  get cause(): OverloadCause | null {
    return this.#cause;
  }

  /** Whether the next request is taken. */
  takes(): boolean {
    if (this.#percent === 0) return true;
    this.#owed += this.#percent;
    if (this.#owed < all) return true;
    this.#owed -= all;
    return false;
  }

  look({ nowMs, lagMs, memory }: Load): void {
    this.#lookAtLag(nowMs, lagMs);
    const scarce = memory === 'scarce' || (memory === 'short' && this.#cause === 'memory');
    if (scarce) {
      this.#cause = 'memory';
      this.#percent = all;
    } else if (this.#cause === 'memory') {
      this.#cause = null;
      this.#percent = 0;
    }
    if (this.#cause !== 'memory') this.#cause = this.#percent > 0 ? 'lag' : null;
  }

  #lookAtLag(nowMs: number, lagMs: number): void {
    if (this.#cause === 'memory') return;
    if (lagMs <= this.#lagMsMax) {
      this.#lateSinceMs = null;
      if (lagMs <= this.#lagMsMax / 2) this.#percent = Math.max(0, this.#percent - less);
      return;
    }
    this.#lateSinceMs ??= nowMs;
    if (this.#percent > 0) this.#percent = Math.min(all, this.#percent + more);
    else if (nowMs - this.#lateSinceMs >= sustainedMs) this.#percent = first;
  }
}
