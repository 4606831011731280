import { TokenBucket } from '@sallyport/shared/token-bucket';
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
  readonly #acks: TokenBucket;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(limits: BudgetLimits, monotonic: Monotonic) {
    const { acksPerSecond, messagesPerSecond, bytesPerSecond, burstSeconds } = limits;
    const bucket = (perSecond: number) =>
      new TokenBucket({ perSecond, burst: perSecond * burstSeconds }, monotonic);
    this.#acks = bucket(acksPerSecond);
    this.#messages = bucket(messagesPerSecond);
    this.#bytes = bucket(bytesPerSecond);
  }

  /** False: it has said too much. */
  take(kind: 'ack' | 'other', bytes: number): boolean {
    const messages = kind === 'ack' ? this.#acks : this.#messages;
    return messages.take(1) && this.#bytes.take(bytes);
  }

  isWhole(): boolean {
    return [this.#acks, this.#messages, this.#bytes].every((bucket) => bucket.isFull());
  }
}
