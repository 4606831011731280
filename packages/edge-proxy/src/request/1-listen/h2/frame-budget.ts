/** Types of frames: RFC 9113, section 6. */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Bits in their heads. */
export const frameFlags = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

const windowMs = 10_000;

/** Frames of a kind within one window; what is not named has no limit of its own. */
const mostPerWindow: ReadonlyMap<number, number> = new Map([
  [frameTypes.priority, 1_000],
  [frameTypes.resetStream, 200],
  [frameTypes.settings, 32],
  [frameTypes.ping, 1_000],
  [frameTypes.continuation, 200],
]);
const emptyDataMax = 200;
/** Kinds that nobody knows are skipped, but not without end. */
const unknownMax = 1_000;
/** So many resets, and more than half of the streams opened, is more than changes of mind. */
const resetsTolerated = 100;

/**
 * Counts what a client sends that asks for nothing and costs work (CVE-2023-44487 and its kind).
 * DATA and WINDOW_UPDATE go with bytes that move; flow control bounds those.
 */
export class FrameBudget {
  readonly #counts = new Map<number, number>();
  #since = 0;
  #opened = 0;
  #emptyData = 0;
  #unknown = 0;

  /** A stream was opened. */
  open(): void {
    this.#opened += 1;
  }

  /** Whether one more is within the limits. `nowMs` only rises. */
  take(type: number, flags: number, length: number, nowMs: number): boolean {
    if (nowMs - this.#since > windowMs) this.#begin(nowMs);
    if (type === frameTypes.data) return this.#takeData(flags, length);
    if (type > frameTypes.continuation) return ++this.#unknown <= unknownMax;
    const most = mostPerWindow.get(type);
    if (most === undefined) return true;
    const count = (this.#counts.get(type) ?? 0) + 1;
    this.#counts.set(type, count);
    if (type !== frameTypes.resetStream || count <= resetsTolerated) return count <= most;
    return count <= most && count * 2 <= this.#opened;
  }

  #takeData(flags: number, length: number): boolean {
    if (length > 0 || (flags & frameFlags.endStream) !== 0) return true;
    return ++this.#emptyData <= emptyDataMax;
  }

  #begin(nowMs: number): void {
    this.#since = nowMs;
    this.#opened = 0;
    this.#emptyData = 0;
    this.#unknown = 0;
    this.#counts.clear();
  }
}
