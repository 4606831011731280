import type { Pool } from 'undici';

/** Per pool, and so per worker. */
export const connectionsMax = 1_024;
const waitingMax = 1_024;
/** Retries at the most, as a share of requests, and how many may be saved up. */
const retryShare = 0.1;
const retriesSavedMax = 10;

/** The connections to one upstream, for one route and one trust level. */
export class Upstream {
  readonly pool: Pool;
  readonly recipe: string;
  usedAtMs = 0;
  readonly #waiting = new Set<() => void>();
  #active = 0;
  #retries = retriesSavedMax;

  constructor(recipe: string, pool: Pool) {
    this.recipe = recipe;
    this.pool = pool;
  }

  get active(): number {
    return this.#active;
  }

  /**
   * Starts a request, at once or when its turn comes; false: as many as may be are waiting. They
   * wait here and not in undici, where one that has been given up would keep its place.
   */
  admit(start: () => void): boolean {
    if (this.#active < connectionsMax) {
      this.#active += 1;
      start();
    } else if (this.#waiting.size < waitingMax) {
      this.#waiting.add(start);
    } else {
      return false;
    }
    this.#retries = Math.min(retriesSavedMax, this.#retries + retryShare);
    return true;
  }

  /** Takes a request back that has not been started; false: it has. */
  withdraw(start: () => void): boolean {
    return this.#waiting.delete(start);
  }

  /** A request that was started is over: the next one takes its place. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#active -= 1;
      return;
    }
    this.#waiting.delete(next);
    queueMicrotask(next);
  }

  /** Takes one of the retries; false: too many requests have failed lately. */
  mayRetry(): boolean {
    if (this.#retries < 1) return false;
    this.#retries -= 1;
    return true;
  }
}
