/** What may be spent in a second; as much may be spent at once after a second of rest. */
export interface BudgetLimits {
  readonly messages: number;
  /** Milliseconds of work. */
  readonly workMs: number;
}

const secondMs = 1_000;

/** A bounded share of a thread's time, refilled as time goes by. */
export class Budget {
  readonly #limits: BudgetLimits;
  readonly #nowMs: () => number;
  #messages: number;
  #workMs: number;
  #filledAtMs: number;

  /** `nowMs`: of the monotonic clock. */
  constructor(limits: BudgetLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#messages = limits.messages;
    this.#workMs = limits.workMs;
    this.#filledAtMs = nowMs();
  }

  /** Does the work and takes from the budget what it took; false: not now, nothing is left. */
  spend(work: () => void): boolean {
    this.#refill();
    if (this.#messages < 1 || this.#workMs <= 0) return false;
    this.#messages -= 1;
    const beganAtMs = this.#nowMs();
    try {
      work();
    } finally {
      // One piece of work may take longer than is left; a long one must not cost minutes.
      const left = this.#workMs - (this.#nowMs() - beganAtMs);
      this.#workMs = Math.max(-this.#limits.workMs, left);
    }
    return true;
  }

  #refill(): void {
    const nowMs = this.#nowMs();
    const seconds = (nowMs - this.#filledAtMs) / secondMs;
    const { messages, workMs } = this.#limits;
    this.#filledAtMs = nowMs;
    this.#messages = Math.min(messages, this.#messages + seconds * messages);
    this.#workMs = Math.min(workMs, this.#workMs + seconds * workMs);
  }
}
