import type { Monotonic } from '../1-log/follow.ts';

/** How much an edge may say, over all its streams to this replica. */
export interface BudgetLimits {
  /** Acknowledgements: two for each revision of each lane, and again by each path. */
  readonly acksPerSecond: number;
  /** Everything else. */
  readonly messagesPerSecond: number;
  /** Of all messages, as they came over the line. */
  readonly bytesPerSecond: number;
  /** So many seconds' worth may be said at once. */
  readonly burstSeconds: number;
}

/**
 * The longest list of carried blocks is about a mebibyte, said each half minute and after each
 * Resume; NACKs of a lane that was refused are a few.
 */
export const budgetLimits: BudgetLimits = {
  acksPerSecond: 10_000,
  messagesPerSecond: 100,
  bytesPerSecond: 1_048_576,
  burstSeconds: 16,
};

/** What each edge may still say. An edge that left long ago has no entry. */
export class EdgeBudgets {
  readonly #limits: BudgetLimits;
  readonly #monotonic: Monotonic;
  readonly #edges = new Map<string, EdgeBudget>();

  constructor(limits: BudgetLimits, monotonic: Monotonic) {
    this.#limits = limits;
    this.#monotonic = monotonic;
  }

  /** Another stream of the same edge takes from the same budget, also if it comes after a while. */
  of(edgeId: string): EdgeBudget {
    let budget = this.#edges.get(edgeId);
    if (budget === undefined) {
      budget = new EdgeBudget(this.#limits, this.#monotonic);
      this.#edges.set(edgeId, budget);
    }
    return budget;
  }

  /** Forgets those that are whole again and of whom `isHere` says no. */
  forget(isHere: (edgeId: string) => boolean): void {
    for (const [edgeId, budget] of this.#edges) {
      if (!isHere(edgeId) && budget.isWhole()) this.#edges.delete(edgeId);
    }
  }

  get size(): number {
    return this.#edges.size;
  }
}

/** What one edge may still say. */
export class EdgeBudget {
  readonly #acks: Bucket;
  readonly #messages: Bucket;
  readonly #bytes: Bucket;
  readonly #monotonic: Monotonic;

  constructor(limits: BudgetLimits, monotonic: Monotonic) {
    const { acksPerSecond, messagesPerSecond, bytesPerSecond, burstSeconds } = limits;
    const nowMs = monotonic();
    this.#acks = new Bucket(acksPerSecond, burstSeconds, nowMs);
    this.#messages = new Bucket(messagesPerSecond, burstSeconds, nowMs);
    this.#bytes = new Bucket(bytesPerSecond, burstSeconds, nowMs);
    this.#monotonic = monotonic;
  }

  /** False: it has said too much. */
  take(kind: 'ack' | 'other', bytes: number): boolean {
    const nowMs = this.#monotonic();
    const messages = kind === 'ack' ? this.#acks : this.#messages;
    return messages.take(1, nowMs) && this.#bytes.take(bytes, nowMs);
  }

  isWhole(): boolean {
    const nowMs = this.#monotonic();
    return [this.#acks, this.#messages, this.#bytes].every((bucket) => bucket.isFull(nowMs));
  }
}

class Bucket {
  readonly #perMs: number;
  readonly #most: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, burstSeconds: number, nowMs: number) {
    this.#perMs = perSecond / 1_000;
    this.#most = perSecond * burstSeconds;
    this.#left = this.#most;
    this.#atMs = nowMs;
  }

  take(amount: number, nowMs: number): boolean {
    this.#refill(nowMs);
    if (amount > this.#left) return false;
    this.#left -= amount;
    return true;
  }

  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#left >= this.#most;
  }

  #refill(nowMs: number): void {
    this.#left = Math.min(this.#most, this.#left + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}
