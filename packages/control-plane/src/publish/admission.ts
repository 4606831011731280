import type { Monotonic } from './1-log/follow.ts';

/** What this replica takes on at a time, so that a thousand edges that come back starve nobody. */
export interface Admission {
  /** null: come in. Else: come back after so long, milliseconds. */
  hello(): number | null;
  readonly transfers: Slots;
}

export interface AdmissionLimits {
  /** Of streams that carry more than `revoke`. */
  readonly hellosPerSecond: number;
  /** So many above the rate are let in at once. */
  readonly hellosBurst: number;
  /** Edges that are sent shards at the same time. */
  readonly transfersMax: number;
}

export const admissionLimits: AdmissionLimits = {
  hellosPerSecond: 250,
  hellosBurst: 100,
  transfersMax: 24,
};

const retryMsMin = 100;
const retryMsMax = 5_000;

/** Lets Hellos in at an even rate; those that are refused are told different times to come back. */
export function createAdmission(limits: AdmissionLimits, monotonic: Monotonic): Admission {
  const everyMs = 1_000 / limits.hellosPerSecond;
  const burstMs = limits.hellosBurst * everyMs;
  /** When the next Hello would be due if all had come evenly. */
  let dueAtMs = 0;
  /** When the one that was refused last was told to come back. */
  let promisedAtMs = 0;
  return {
    transfers: new Slots(limits.transfersMax),
    hello() {
      const nowMs = monotonic();
      const nextAtMs = Math.max(dueAtMs, nowMs) + everyMs;
      if (nextAtMs - nowMs <= burstMs) {
        dueAtMs = nextAtMs;
        return null;
      }
      promisedAtMs = Math.max(promisedAtMs, dueAtMs - burstMs) + everyMs;
      if (promisedAtMs - nowMs > retryMsMax) promisedAtMs = nowMs + retryMsMin;
      return Math.ceil(Math.max(promisedAtMs - nowMs, retryMsMin));
    },
  };
}

/** A number of places; who finds none waits in the order of coming. */
export class Slots {
  readonly #max: number;
  readonly #taken = new Set<object>();
  /** With what to call when there is a place. */
  readonly #waiting = new Map<object, () => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** True: the holder has a place. Else `onFree` is called once it does. */
  take(holder: object, onFree: () => void): boolean {
    if (this.#taken.has(holder)) return true;
    if (this.#taken.size >= this.#max) {
      this.#waiting.set(holder, onFree);
      return false;
    }
    this.#waiting.delete(holder);
    this.#taken.add(holder);
    return true;
  }

  /** Gives the place back, or the wait up. Harmless for who has neither. */
  release(holder: object): void {
    this.#waiting.delete(holder);
    if (!this.#taken.delete(holder)) return;
    const [next] = this.#waiting;
    if (next === undefined) return;
    const [waiter, onFree] = next;
    this.#waiting.delete(waiter);
    this.#taken.add(waiter);
    onFree();
  }

  get taken(): number {
    return this.#taken.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }
}
