import type { Lane, Position } from '@sallyport/shared/state/model';
import type { Revision } from '../../store/log-connection.ts';
import { type Encoded, encodeFrame } from './encode.ts';

export interface Frame {
  readonly rev: number;
  readonly bytes: Encoded;
  /** When this process read the revision, on the monotonic clock. */
  readonly readAtMs: number;
}

export interface RingLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
}

/**
 * The newest frames of one lane, encoded once for all streams. A stream keeps a cursor (a
 * revision), never a queue; one whose cursor fell out of the ring reads from the database.
 */
export class FrameRing {
  readonly #limits: RingLimits;
  #epoch = 0;
  /** Revision of `#frames[#start]`. */
  #firstRev = 1;
  #start = 0;
  #frames: (Frame | undefined)[] = [];
  #bytes = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  /** Forgets all; the next revision is the one after `head`. */
  reset(head: Position): void {
    this.#epoch = head.epoch;
    this.#firstRev = head.rev + 1;
    this.#start = 0;
    this.#frames = [];
    this.#bytes = 0;
  }

  append(revision: Revision, readAtMs: number): void {
    const expected = this.#firstRev + this.length;
    if (revision.epoch !== this.#epoch || revision.rev !== expected) {
      throw new Error(`revision ${revision.rev} of ${revision.lane} is not ${expected}`);
    }
    const frame = { rev: revision.rev, bytes: encodeFrame(revision), readAtMs };
    this.#frames.push(frame);
    this.#bytes += frame.bytes.length;
    while (this.length > this.#limits.framesMax || this.#bytes > this.#limits.bytesMax) {
      this.#dropOldest();
    }
  }

  /** The frame that follows a position: null if there is none yet, `gone` if it was dropped. */
  after(position: Position): Frame | null | 'gone' {
    if (position.epoch !== this.#epoch || position.rev < this.#firstRev - 1) return 'gone';
    return this.#frames[this.#start + position.rev + 1 - this.#firstRev] ?? null;
  }

  get length(): number {
    return this.#frames.length - this.#start;
  }

  #dropOldest(): void {
    this.#bytes -= this.#frames[this.#start]?.bytes.length ?? 0;
    this.#frames[this.#start] = undefined;
    this.#start += 1;
    this.#firstRev += 1;
    // Half of the array is empty: moving the rest costs one step for each frame dropped.
    if (this.#start * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#start);
      this.#start = 0;
    }
  }
}

/** Frames kept for all streams together; a stream that is further behind reads the database. */
export const ringLimits: Record<Lane, RingLimits> = {
  revoke: { framesMax: 8_192, bytesMax: 8_388_608 },
  config: { framesMax: 64, bytesMax: 33_554_432 },
  signals: { framesMax: 8_192, bytesMax: 8_388_608 },
  directory: { framesMax: 8_192, bytesMax: 33_554_432 },
};
