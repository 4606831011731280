import { hex } from '@sallyport/shared/bytes';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { bodySha256 } from '@sallyport/shared/sync/signing';
import type { Revision } from '../../store/log-connection.ts';
import type { FrameSigner, SignedFrame } from './sign.ts';

/** A revision of the ring, with what a stream sends of it. */
export interface Frame extends SignedFrame {
  readonly rev: number;
  readonly body: Uint8Array;
  /** When this process read the revision, on the monotonic clock. */
  readonly readAtMs: number;
}

export interface RingLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
}

interface Entry {
  readonly revision: Revision;
  readonly readAtMs: number;
  /** null: there was no key to sign with. */
  frame: Frame | null;
  /** Of the body, hex; null: nobody has asked. */
  sha256: string | null;
}

/**
 * The newest frames of one lane, signed and encoded once for all streams. A stream keeps a cursor
 * (a revision), never a queue; one whose cursor fell out of the ring reads from the database.
 */
export class FrameRing {
  readonly #limits: RingLimits;
  readonly #signer: FrameSigner;
  #epoch = 0;
  /** Revision of `#entries[#start]`. */
  #firstRev = 1;
  #start = 0;
  #entries: (Entry | undefined)[] = [];
  #bytes = 0;
  /** Of the revision that the ring began after; null: not known. */
  #before: { readonly rev: number; readonly sha256: string } | null = null;

  constructor(limits: RingLimits, signer: FrameSigner) {
    this.#limits = limits;
    this.#signer = signer;
  }

  /**
   * Forgets all; the next revision is the one after `head`. Of the body at the head no more than
   * its hash is kept (hex): it is what most edges had last that come back to a new replica.
   */
  reset(head: Position, sha256: string | null = null): void {
    this.#epoch = head.epoch;
    this.#before = sha256 === null ? null : { rev: head.rev, sha256 };
    this.#firstRev = head.rev + 1;
    this.#start = 0;
    this.#entries = [];
    this.#bytes = 0;
  }

  append(revision: Revision, readAtMs: number): void {
    const expected = this.#firstRev + this.length;
    if (revision.epoch !== this.#epoch || revision.rev !== expected) {
      throw new Error(`revision ${revision.rev} of ${revision.lane} is not ${expected}`);
    }
    const entry: Entry = { revision, readAtMs, frame: null, sha256: null };
    this.#sign(entry);
    this.#entries.push(entry);
    this.#bytes += weight(entry);
    while (this.length > this.#limits.framesMax || this.#bytes > this.#limits.bytesMax) {
      this.#dropOldest();
    }
  }

  /**
   * The frame that follows a position: null if there is none yet or no key to sign it with, `gone`
   * if it was dropped. One whose key is over is signed again.
   */
  after(position: Position): Frame | null | 'gone' {
    const entry = this.#entryAfter(position);
    if (entry === 'gone' || entry === null) return entry;
    if (entry.frame === null || !this.#signer.isLive(entry.frame.keyId)) this.#sign(entry);
    return entry.frame;
  }

  /** The ring has every revision of its epoch after this one. */
  get afterRev(): number {
    return this.#firstRev - 1;
  }

  /** The revision that follows a position, as it was read. */
  revisionAfter(position: Position): Revision | null | 'gone' {
    const entry = this.#entryAfter(position);
    return entry === 'gone' || entry === null ? entry : entry.revision;
  }

  /** SHA-256 (hex) of the body at a position; null: not known. */
  bodySha256({ epoch, rev }: Position): string | null {
    if (epoch === this.#epoch && rev === this.#before?.rev) return this.#before.sha256;
    const entry = this.#entryAfter({ epoch, rev: rev - 1 });
    if (entry === 'gone' || entry === null) return null;
    entry.sha256 ??= hex(bodySha256(entry.revision.body));
    return entry.sha256;
  }

  /** When (monotonic) the revision that follows a position was read; null: not in the ring. */
  readAtMsAfter(position: Position): number | null {
    const entry = this.#entryAfter(position);
    return entry === 'gone' || entry === null ? null : entry.readAtMs;
  }

  get length(): number {
    return this.#entries.length - this.#start;
  }

  #entryAfter(position: Position): Entry | null | 'gone' {
    if (position.epoch !== this.#epoch || position.rev < this.#firstRev - 1) return 'gone';
    return this.#entries[this.#start + position.rev + 1 - this.#firstRev] ?? null;
  }

  #sign(entry: Entry): void {
    const signed = this.#signer.sign(entry.revision);
    entry.frame =
      signed === null
        ? null
        : {
            ...signed,
            rev: entry.revision.rev,
            body: entry.revision.body,
            readAtMs: entry.readAtMs,
          };
  }

  #dropOldest(): void {
    const oldest = this.#entries[this.#start];
    if (oldest !== undefined) this.#bytes -= weight(oldest);
    this.#entries[this.#start] = undefined;
    this.#start += 1;
    this.#firstRev += 1;
    // Half of the array is empty: moving the rest costs one step for each frame dropped.
    if (this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }
}

/** Body and frame, which holds the body once more, and what stands around them. */
function weight({ revision }: Entry): number {
  return 2 * revision.body.length + 512;
}

/** Frames kept for all streams together; a stream that is further behind reads the database. */
export const ringLimits: Record<Lane, RingLimits> = {
  revoke: { framesMax: 8_192, bytesMax: 16_777_216 },
  config: { framesMax: 64, bytesMax: 67_108_864 },
  signals: { framesMax: 8_192, bytesMax: 16_777_216 },
  directory: { framesMax: 8_192, bytesMax: 67_108_864 },
};
