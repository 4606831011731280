import { SallyportError } from '@sallyport/shared/errors';
import { newestRecordId } from '../store/access-records.ts';
import { type Database, read } from '../store/database.ts';

/** Of one replica. */
const waitersMax = 64;
/** Of one token, so that it does not keep everybody else from waiting. */
const waitersOfOneMax = 8;
const pollMs = 250;

interface Waiter {
  readonly who: string;
  readonly afterId: number;
  readonly wake: () => void;
}

/**
 * Requests that wait until there are newer records. One of them all asks the database, so that a
 * hundred cost what one does, and nothing is asked while nobody waits.
 */
export class TailWaiters {
  readonly #database: Database;
  readonly #waiting = new Set<Waiter>();
  #timer: NodeJS.Timeout | null = null;
  #asking = false;
  #closed = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Resolves when a record after this one may be there, after `forMs`, when `signal` says that
   * nobody waits any more, or at the end. Throws `too_many_requests` where enough wait already, or
   * enough of `who` asks.
   */
  async wait(who: string, afterId: number, forMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted || forMs <= 0) return;
    const own = [...this.#waiting].filter((waiter) => waiter.who === who).length;
    if (own >= waitersOfOneMax) {
      throw new SallyportError('too_many_requests', 'this token waits for decisions often enough');
    }
    if (this.#waiting.size >= waitersMax) {
      throw new SallyportError('too_many_requests', 'enough wait for decisions; try again later');
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter: Waiter = { who, afterId, wake: resolve };
    const limit = setTimeout(resolve, forMs);
    signal.addEventListener('abort', waiter.wake, { once: true });
    this.#waiting.add(waiter);
    this.#timer ??= setInterval(() => void this.#ask(), pollMs);
    try {
      await promise;
    } finally {
      clearTimeout(limit);
      signal.removeEventListener('abort', waiter.wake);
      this.#waiting.delete(waiter);
      if (this.#waiting.size === 0) this.#stop();
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Wakes everybody; nobody waits after that. */
  close(): void {
    this.#closed = true;
    this.#stop();
    for (const { wake } of this.#waiting) wake();
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const newest = await read(this.#database, newestRecordId);
      for (const { afterId, wake } of this.#waiting) if (newest > afterId) wake();
    } catch {
      // Who asks next is told what is wrong with the database.
      for (const { wake } of this.#waiting) wake();
    } finally {
      this.#asking = false;
    }
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
