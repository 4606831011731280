import { rmSync } from 'node:fs';
import type { Position } from '@sallyport/shared/state/model';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import type { DiskKeys } from './disk-keys.ts';
import { syncDirectory } from './files.ts';
import { JournalSegment } from './journal-segment.ts';
import type { LanePaths } from './paths.ts';

/** The journal has reached its bound; a checkpoint makes room. */
class JournalFullError extends Error {
  override readonly name = 'JournalFullError';
  readonly code = 'JOURNAL_FULL';
}

export interface JournalOptions {
  readonly keys: DiskKeys;
  readonly paths: LanePaths;
  readonly lane: RowLane;
  /** Above it nothing is appended. */
  readonly bytesMax: number;
}

/** The segments of one lane's journal: the newest is written, the older ones only read. */
export class LaneJournal {
  readonly #options: JournalOptions;
  /** Bytes by sequence, of segments that are finished. */
  readonly #finished: Map<number, number>;
  #writer: JournalSegment | null = null;
  #retiring: JournalSegment[] = [];
  #nextSequence: number;
  #directoryUnsynced = false;

  constructor(options: JournalOptions, found: ReadonlyMap<number, number>, nextSequence: number) {
    this.#options = options;
    this.#finished = new Map(found);
    this.#nextSequence = nextSequence;
  }

  /** Whether there is a segment to append to. */
  get writing(): boolean {
    return this.#writer !== null;
  }

  /** Of all segments. */
  get bytes(): number {
    let bytes = this.#writer?.bytes ?? 0;
    for (const finished of this.#finished.values()) bytes += finished;
    return bytes;
  }

  /** Begins a segment that goes on from `base`; returns its sequence. Throws what the disk says. */
  start(base: Position): number {
    const { keys, paths, lane } = this.#options;
    this.stop();
    const sequence = this.#nextSequence;
    this.#nextSequence += 1;
    this.#directoryUnsynced = true;
    const path = paths.journal(sequence);
    this.#writer = JournalSegment.create(keys, { path, lane, base, sequence });
    return sequence;
  }

  /** Appends to the newest segment. Throws JournalFullError and what the disk says. */
  append(frame: FrameMessage): void {
    if (this.#writer === null) throw new Error('a journal is appended to after start alone');
    if (this.bytes > this.#options.bytesMax) throw new JournalFullError('the journal is full');
    this.#writer.append(frame);
  }

  /** Appends no more until the next start. */
  stop(): void {
    if (this.#writer === null) return;
    this.#finished.set(this.#writer.sequence, this.#writer.bytes);
    this.#retiring.push(this.#writer);
    this.#writer = null;
  }

  /** Makes all that was appended survive a power cut. Rejects with what the disk says. */
  async sync(): Promise<void> {
    if (this.#directoryUnsynced) {
      this.#directoryUnsynced = false;
      await this.#syncNames();
    }
    await this.#writer?.sync();
    const retiring = this.#retiring;
    this.#retiring = [];
    for (const segment of retiring) {
      try {
        await segment.sync();
      } finally {
        await segment.close();
      }
    }
  }

  /** Removes the segments before this one. */
  forgetBefore(sequence: number): void {
    for (const older of [...this.#finished.keys()].filter((one) => one < sequence)) {
      this.#finished.delete(older);
      rmSync(this.#options.paths.journal(older), { force: true });
    }
  }

  async close(): Promise<void> {
    this.stop();
    for (const segment of this.#retiring.splice(0)) await segment.close();
  }

  async #syncNames(): Promise<void> {
    try {
      await syncDirectory(this.#options.paths.directory);
    } catch (error) {
      this.#directoryUnsynced = true;
      throw error;
    }
  }
}
