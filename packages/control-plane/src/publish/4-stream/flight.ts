import type { Monotonic } from '../1-log/follow.ts';

/** On their way at the same time. More would be memory that a slow edge holds. */
const flightBytesMax = 524_288;
const flightMessagesMax = 64;
/** The slowest that a line may take a large message without counting as stalled, bytes a second. */
const slowestBytesPerSecond = 65_536;

/** What was written to one stream and is not on its way yet. */
export class Flight {
  readonly #monotonic: Monotonic;
  #bytes = 0;
  #messages = 0;
  /** When the line last took something, or got something to take. */
  #progressAtMs: number;

  constructor(monotonic: Monotonic) {
    this.#monotonic = monotonic;
    this.#progressAtMs = monotonic();
  }

  get isFull(): boolean {
    return this.#bytes >= flightBytesMax || this.#messages >= flightMessagesMax;
  }

  /** Returns what is to be called when the line has taken the message. */
  begin(bytes: number): () => void {
    if (this.#messages === 0) this.#progressAtMs = this.#monotonic();
    this.#bytes += bytes;
    this.#messages += 1;
    return () => {
      this.#bytes -= bytes;
      this.#messages -= 1;
      this.#progressAtMs = this.#monotonic();
    };
  }

  /** Whether the line has taken nothing for so long, and longer for what is large. */
  isStalled(stallMs: number): boolean {
    if (this.#messages === 0) return false;
    const isLarge = this.#bytes > flightBytesMax;
    const grantedMs = isLarge ? (this.#bytes * 1_000) / slowestBytesPerSecond : 0;
    return this.#monotonic() - this.#progressAtMs >= stallMs + grantedMs;
  }
}
