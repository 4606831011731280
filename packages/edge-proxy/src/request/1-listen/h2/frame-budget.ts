/** Types of frames: RFC 9113, section 6. */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Bits in their heads. */
export const frameFlags = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** What there can be too much of; for the metrics. */
export const floodKinds = [
  'data',
  'headers',
  'priority',
  'reset',
  'settings',
  'ping',
  'goaway',
  'window_update',
  'continuation',
  'unknown',
] as const;
export type FloodKind = (typeof floodKinds)[number];

const windowMs = 10_000;

/** Frames of a kind within one window; what is not named has a limit of another sort, or none. */
const mostPerWindow: ReadonlyMap<number, readonly [kind: FloodKind, most: number]> = new Map([
  [frameTypes.priority, ['priority', 1_000]],
  [frameTypes.resetStream, ['reset', 200]],
  [frameTypes.settings, ['settings', 32]],
  [frameTypes.ping, ['ping', 1_000]],
  [frameTypes.goAway, ['goaway', 10]],
  [frameTypes.continuation, ['continuation', 200]],
]);
const emptyDataMax = 200;
/**
 * DATA of any size up to so many frames; of more, so many bytes each on average. A body that is held
 * back lies in memory frame by frame, and each costs more than a hundred bytes.
 */
const dataTolerated = 2_000;
const dataBytesEach = 16;
/** The same of what opens windows: a window that grows byte by byte makes us send byte by byte. */
const updatesTolerated = 1_000;
const updatesPerStream = 4;
const sentBytesEach = 8;
/** Kinds that nobody knows are skipped, but not without end. */
const unknownMax = 1_000;
/** So many resets, and more than half of the streams opened, is more than changes of mind. */
const resetsTolerated = 100;

/**
 * Counts what a client sends that asks for nothing and costs work (CVE-2023-44487, CVE-2019-9511 and
 * their kind).
 */
export class FrameBudget {
  readonly #counts = new Map<number, number>();
  #since = 0;
  #opened = 0;
  #emptyData = 0;
  #data = 0;
  #dataBytes = 0;
  #updates = 0;
  #sentBytes = 0;
  #unknown = 0;

  /** A stream was opened. */
  open(): void {
    this.#opened += 1;
  }

  /** So many bytes of bodies have left for the client. */
  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  /**
   * What there is too much of with one frame more; null: it is within the limits. `bytes`: of DATA,
   * without padding. `nowMs` only rises.
   */
  take(type: number, flags: number, bytes: number, nowMs: number): FloodKind | null {
    if (nowMs - this.#since > windowMs) this.#begin(nowMs);
    if (type === frameTypes.data) return this.#takeData(flags, bytes) ? null : 'data';
    if (type === frameTypes.windowUpdate) return this.#takeUpdate() ? null : 'window_update';
    if (type > frameTypes.continuation) return ++this.#unknown <= unknownMax ? null : 'unknown';
    const limit = mostPerWindow.get(type);
    if (limit === undefined) return null;
    const [kind, most] = limit;
    const count = (this.#counts.get(type) ?? 0) + 1;
    this.#counts.set(type, count);
    if (count > most) return kind;
    const often = type === frameTypes.resetStream && count > resetsTolerated;
    return often && count * 2 > this.#opened ? kind : null;
  }

  #takeData(flags: number, bytes: number): boolean {
    this.#data += 1;
    this.#dataBytes += bytes;
    if (bytes === 0 && (flags & frameFlags.endStream) === 0) {
      this.#emptyData += 1;
      if (this.#emptyData > emptyDataMax) return false;
    }
    const most = dataTolerated + this.#opened + this.#dataBytes / dataBytesEach;
    return this.#data <= most;
  }

  #takeUpdate(): boolean {
    this.#updates += 1;
    const earned = this.#opened * updatesPerStream + this.#sentBytes / sentBytesEach;
    return this.#updates <= updatesTolerated + earned;
  }

  #begin(nowMs: number): void {
    this.#since = nowMs;
    this.#opened = 0;
    this.#emptyData = 0;
    this.#data = 0;
    this.#dataBytes = 0;
    this.#updates = 0;
    this.#sentBytes = 0;
    this.#unknown = 0;
    this.#counts.clear();
  }
}
