import type { Lane } from '@sallyport/shared/state/model';
import type { LaneStaleness } from './current.ts';
import { lanes } from './lanes.ts';
import { monotonicMs } from './monotonic.ts';

/** Age of a lane that is as old as can be; a number, so that it can stand in a record. */
export const unknownAgeMs: number = Number.MAX_SAFE_INTEGER;

/** What a thread needs to read the ages. */
export interface SharedAges {
  /** One cell for each lane: tenths of a second from `baseMs` to its as-of instant. */
  readonly cells: SharedArrayBuffer;
  /** Of the monotonic clock. */
  readonly baseMs: number;
}

const tickMs = 100;
/** Nothing is known yet. */
const never = -0x8000_0000;
/** As old as can be. */
const oldest = never + 1;
const cellOf = Object.fromEntries(lanes.map((lane, index) => [lane, index])) as Record<
  Lane,
  number
>;

/**
 * The instant as of which each lane is known to be complete, in memory that all threads share. The
 * main thread writes, workers read. Whole tenths of a second in 32 bits, which every thread reads
 * in one piece; rounded so that a lane is never taken for younger than it is.
 */
export class LaneAges {
  readonly shared: SharedAges;
  readonly #cells: Int32Array;

  /** Without an argument a new one, in which nothing is known. */
  constructor(shared?: SharedAges) {
    this.shared = shared ?? {
      cells: new SharedArrayBuffer(lanes.length * Int32Array.BYTES_PER_ELEMENT),
      baseMs: monotonicMs(),
    };
    this.#cells = new Int32Array(this.shared.cells);
    if (shared === undefined) this.#cells.fill(never);
  }

  /** `asOfMs` is of the monotonic clock, -Infinity: as old as can be; null: nothing is known. */
  set(lane: Lane, asOfMs: number | null): void {
    const ticks = Math.floor(((asOfMs ?? 0) - this.shared.baseMs) / tickMs);
    const cell = asOfMs === null ? never : Math.max(oldest, Math.min(ticks, 0x7fff_ffff));
    Atomics.store(this.#cells, cellOf[lane], cell);
  }

  /** The monotonic clock stood still for so long: what is known of is older by that. */
  setBack(missedMs: number): void {
    for (const lane of lanes) {
      const ticks = Atomics.load(this.#cells, cellOf[lane]);
      if (ticks <= oldest) continue;
      const older = Math.max(oldest, ticks - Math.ceil(missedMs / tickMs));
      Atomics.store(this.#cells, cellOf[lane], older);
    }
  }

  /** Whether anything is known of the lane's age. */
  isKnown(lane: Lane): boolean {
    return Atomics.load(this.#cells, cellOf[lane]) !== never;
  }

  /** Milliseconds since the lane was known to be complete. */
  ageMs(lane: Lane, nowMs: number = monotonicMs()): number {
    const ticks = Atomics.load(this.#cells, cellOf[lane]);
    return ticks <= oldest
      ? unknownAgeMs
      : Math.max(0, Math.round(nowMs - this.shared.baseMs - ticks * tickMs));
  }

  /** The ages of all lanes at one instant. */
  staleness(): LaneStaleness {
    const nowMs = monotonicMs();
    return {
      revokeMs: this.ageMs('revoke', nowMs),
      signalsMs: this.ageMs('signals', nowMs),
      configMs: this.ageMs('config', nowMs),
      directoryMs: this.ageMs('directory', nowMs),
    };
  }
}
