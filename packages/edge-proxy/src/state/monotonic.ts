/**
 * performance.now() counts from the start of its own thread; both it and hrtime read the same clock
 * of the machine, so the difference never changes.
 */
const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds of a clock that is never set and is the same in all threads of the process. */
export function monotonicMs(): number {
  return offsetMs + performance.now();
}

/** Smaller differences are what reading two clocks one after the other comes to. */
const missedMsMin = 1_000;

/**
 * Notices when the monotonic clock stood still, as it does while the machine is suspended or, in a
 * virtual one, paused: then the wall clock has gone ahead of it. So it has when somebody set it
 * forward, which cannot be told apart; an age that counts both is never too small. A wall clock that
 * is set back says nothing.
 */
export class Standstill {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  /** Wall time minus monotonic time, as far as it has been counted. */
  #aheadMs: number;

  constructor(wall: () => number, monotonic: () => number = monotonicMs) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#aheadMs = wall() - monotonic();
  }

  /** Milliseconds that the monotonic clock has missed since this was last asked. */
  missedMs(): number {
    const aheadMs = this.#wall() - this.#monotonic();
    const missedMs = aheadMs - this.#aheadMs;
    // Less than a second is kept, not forgotten: it may be the first of many short ones.
    if (missedMs >= 0 && missedMs <= missedMsMin) return 0;
    this.#aheadMs = aheadMs;
    return Math.max(0, missedMs);
  }
}
