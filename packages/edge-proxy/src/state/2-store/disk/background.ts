/** How long after a failure the next attempt is made: from a second to half a minute. */
function retryMs(failures: number): number {
  return Math.min(1_000 * 2 ** (failures - 1), 30_000);
}

/**
 * Work that is done some time after it is asked for: never two passes at once, several askings in
 * one pass, and again later when a pass has failed.
 */
export class Background {
  readonly #pass: () => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = Number.POSITIVE_INFINITY;
  #failures = 0;
  #stopped = false;

  constructor(pass: () => Promise<void>, onFailure: (error: unknown) => void) {
    this.#pass = pass;
    this.#onFailure = onFailure;
  }

  /** Whether the last pass failed. */
  get failed(): boolean {
    return this.#failures > 0;
  }

  /** A pass begins within this time; after a failure, not before its pause is over. */
  wake(delayMs: number): void {
    if (this.#stopped) return;
    if (this.#failures > 0 && this.#timer !== null) return;
    const dueAt = performance.now() + delayMs;
    if (dueAt >= this.#dueAt) return;
    this.#arm(delayMs, dueAt);
  }

  /** Runs a pass that begins now, or after the one under way. Never rejects. */
  async now(): Promise<void> {
    while (this.#running !== null) await this.#running;
    this.#disarm();
    await this.#run();
  }

  /** No pass begins after this; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#disarm();
    while (this.#running !== null) await this.#running;
  }

  #arm(delayMs: number, dueAt: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#disarm();
      // Askings while a pass is under way are for the next one.
      if (this.#running === null) void this.#run();
      else void this.#running.then(() => this.wake(0));
    }, delayMs);
    this.#timer.unref();
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  async #run(): Promise<void> {
    this.#running = this.#pass().then(
      () => {
        this.#failures = 0;
      },
      (error: unknown) => {
        this.#failures += 1;
        this.#onFailure(error);
      },
    );
    await this.#running;
    this.#running = null;
    if (this.#failures === 0 || this.#stopped) return;
    const delayMs = retryMs(this.#failures);
    this.#arm(delayMs, performance.now() + delayMs);
  }
}
