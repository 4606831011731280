/** The timer that the lag is seen by. */
const everyMs = 50;
const secondsKept = 15;

/** How late the event loop of this thread is: how much later than asked for a timer comes. */
export class LoopWatch {
  readonly #onLook: (nowMs: number, lagMs: number) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #worst = new Float64Array(secondsKept);
  #second = 0;
  #lastMs = performance.now();

  /** `onLook` is called at each look, at least. */
  constructor(onLook: (nowMs: number, lagMs: number) => void) {
    this.#onLook = onLook;
    this.#timer = setInterval(() => this.#look(performance.now()), everyMs).unref();
  }

  /** The longest delay of the last 15 seconds, milliseconds. */
  get worstMs(): number {
    this.#forget(performance.now());
    return Math.max(...this.#worst);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(nowMs: number): void {
    const lagMs = Math.max(0, nowMs - this.#lastMs - everyMs);
    this.#lastMs = nowMs;
    this.#forget(nowMs);
    const at = this.#second % secondsKept;
    this.#worst[at] = Math.max(this.#worst[at] ?? 0, lagMs);
    this.#onLook(nowMs, lagMs);
  }

  /** The place of each second that has begun since is empty. */
  #forget(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const gone = Math.min(second - this.#second, secondsKept);
    for (let at = 0; at < gone; at += 1) this.#worst[(second - at) % secondsKept] = 0;
    this.#second = second;
  }
}
