export interface BucketLimits {
  /** What comes back in a second. */
  readonly perSecond: number;
  /** What may be taken at once after a rest. */
  readonly burst: number;
}

/**
 * A share of something that comes back as time goes by, full at the start. What is known before is
 * taken whole or not at all; what is known only after the work may leave a debt, which is never
 * more than one burst: a single long piece of work must not shut others out for minutes.
 */
export class TokenBucket {
  readonly #limits: BucketLimits;
  readonly #nowMs: () => number;
  #left: number;
  #filledAtMs: number;

  /** `nowMs`: of the monotonic clock. */
  constructor(limits: BucketLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#left = limits.burst;
    this.#filledAtMs = nowMs();
  }

  /** False: there is not so much left, and nothing was taken. More than a burst never is. */
  take(amount: number): boolean {
    this.#refill();
    if (amount > this.#left) return false;
    this.#left -= amount;
    return true;
  }

  /** Takes what was used already. */
  charge(amount: number): void {
    this.#refill();
    this.#left = Math.max(-this.#limits.burst, this.#left - amount);
  }

  /** Whether there is anything left, however little. */
  hasAny(): boolean {
    this.#refill();
    return this.#left > 0;
  }

  /** Whether nothing is missing: a new one would be the same. */
  isFull(): boolean {
    this.#refill();
    return this.#left >= this.#limits.burst;
  }

  #refill(): void {
    const nowMs = this.#nowMs();
    const { perSecond, burst } = this.#limits;
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#filledAtMs) / 1_000) * perSecond);
    this.#filledAtMs = nowMs;
  }
}
