import type { Position } from '@sallyport/shared/state/model';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import type { FrameMessage, FrameProof } from '@sallyport/shared/sync/messages';
import type { DiskHealth } from './disk-health.ts';
import type { DiskLimits } from './disk-limits.ts';
import { Durable } from './durable.ts';
import type { LaneIndex } from './lane-index.ts';
import type { LaneJournal } from './lane-journal.ts';
import type { LanePaths } from './paths.ts';
import { proofOf } from './read-journal.ts';
import type { ShardFiles } from './shard-files.ts';

/** What became of something that was to be written. */
export type Written = 'written' | 'pending' | 'failed';

/** A checkpoint under way: from here on the journal is whole. */
export interface Checkpoint {
  readonly sequence: number;
  readonly from: Position;
  readonly proof: FrameProof | null;
}

export interface LaneDiskParts {
  readonly lane: RowLane;
  readonly paths: LanePaths;
  readonly journal: LaneJournal;
  readonly shards: ShardFiles;
  readonly health: DiskHealth;
  readonly limits: DiskLimits;
  /** There is something to sync, or to make a checkpoint of. */
  readonly onWork: () => void;
}

/**
 * One row lane on disk: where its files stand, and whether they can bring back what is in memory.
 * They can while the journal is whole, from the position of the index in force to now. It is not
 * after shards were replaced and after the disk failed; then a checkpoint makes it whole again, and
 * until then the files give the state of before.
 */
export class LaneDisk {
  readonly #parts: LaneDiskParts;
  readonly #waiting = new Set<() => void>();
  readonly #durable = new Durable();
  #syncing: Promise<void> = Promise.resolve();
  #position: Position | null;
  /** Gives the proof at the position; the hash of a frame's body is computed when asked for. */
  #proof: () => FrameProof | null;
  #stored: Position | null;
  #index: LaneIndex | null;
  #whole: boolean;
  #checkpoint: Checkpoint | null = null;

  constructor(
    parts: LaneDiskParts,
    found: {
      readonly position: Position | null;
      readonly proof: FrameProof | null;
      readonly index: LaneIndex | null;
    },
  ) {
    this.#parts = parts;
    this.#position = found.position;
    this.#proof = () => found.proof;
    this.#stored = found.position;
    this.#index = found.index;
    this.#whole = found.position !== null;
    if (this.#whole) this.#startJournal();
  }

  get lane(): RowLane {
    return this.#parts.lane;
  }

  get paths(): LanePaths {
    return this.#parts.paths;
  }

  get shards(): ShardFiles {
    return this.#parts.shards;
  }

  /** What is in memory. */
  get position(): Position | null {
    return this.#position;
  }

  /** What a restart would come back with. */
  get stored(): Position | null {
    return this.#stored;
  }

  /** Whether the files, as written so far, bring back what is in memory. */
  get whole(): boolean {
    return this.#whole;
  }

  get journalBytes(): number {
    return this.#parts.journal.bytes;
  }

  /** The index in force. */
  get index(): LaneIndex | null {
    return this.#index;
  }

  /** Whether a checkpoint is to be made. */
  get wantsCheckpoint(): boolean {
    if (this.#position === null) return false;
    return !this.#whole || this.#checkpoint !== null || this.journalBytes > this.#checkpointBytes();
  }

  /** A frame has been applied. One that does not go on from the position counts as `replaced`. */
  append(frame: FrameMessage): Written {
    const { epoch, prevRev, rev } = frame;
    if (this.#position?.epoch !== epoch || this.#position.rev !== prevRev) {
      this.replaced({ epoch, rev }, proofOf(frame));
      return 'pending';
    }
    this.#position = { epoch: frame.epoch, rev: frame.rev };
    this.#durable.changed();
    this.#proof = () => proofOf(frame);
    return this.#write(frame);
  }

  /** Other rows are in the table: the journal cannot say it, a checkpoint must. */
  replaced(position: Position, proof: FrameProof | null): void {
    this.#position = position;
    this.#durable.changed();
    this.#proof = () => proof;
    this.#parts.journal.stop();
    this.#whole = false;
    this.#checkpoint = null;
    try {
      this.begin();
    } catch (error) {
      this.#parts.health.failed('journal_start', error);
    }
    this.#parts.onWork();
  }

  /** The checkpoint under way, or a new one. Throws what the disk says. */
  begin(): Checkpoint {
    if (this.#checkpoint !== null) return this.#checkpoint;
    if (this.#position === null) throw new Error('a lane without a position has no checkpoint');
    const from = this.#position;
    const proof = this.#proof();
    try {
      this.#checkpoint = { sequence: this.#parts.journal.start(from), from, proof };
    } catch (error) {
      this.#whole = false;
      throw error;
    }
    return this.#checkpoint;
  }

  /** Whether no other checkpoint has taken its place, and its journal is whole. */
  isUnderWay(checkpoint: Checkpoint): boolean {
    return this.#checkpoint === checkpoint;
  }

  /** The index of the checkpoint is in force. */
  finish(checkpoint: Checkpoint, index: LaneIndex): void {
    this.#index = index;
    this.#parts.journal.forgetBefore(index.sequence);
    if (this.#checkpoint !== checkpoint) return;
    this.#checkpoint = null;
    this.#whole = true;
    this.#stored = this.#position;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Makes the journal survive a power cut. Rejects with what the disk says. */
  sync(): Promise<void> {
    // One after the other: what the first one syncs is not there yet when the second is done.
    const done = this.#syncing.then(() => this.#sync());
    this.#syncing = done.catch(() => undefined);
    return done;
  }

  /** null: the files are up to date. Else resolves when they are, or when the disk has failed. */
  pending(): Promise<void> | null {
    if (this.#whole || this.#position === null) return null;
    return new Promise((resolve) => {
      const forget = this.#parts.health.onFailure(resolve);
      this.#waiting.add(() => {
        forget();
        resolve();
      });
    });
  }

  /** null: what is in memory would outlive a power cut. Else resolves when it would. */
  kept(): Promise<void> | null {
    return this.#durable.wait();
  }

  /** Lets a checkpoint under way end without effect. */
  abandon(): void {
    this.#checkpoint = null;
  }

  close(): Promise<void> {
    return this.#parts.journal.close();
  }

  #write(frame: FrameMessage): Written {
    const { journal, health, onWork } = this.#parts;
    if (!journal.writing) return 'failed';
    try {
      journal.append(frame);
    } catch (error) {
      this.#breakOff();
      health.failed('journal_append', error);
      onWork();
      return 'failed';
    }
    onWork();
    if (!this.#whole) return 'pending';
    this.#stored = this.#position;
    return 'written';
  }

  async #sync(): Promise<void> {
    const { changes } = this.#durable;
    const whole = this.#whole;
    try {
      await this.#parts.journal.sync();
    } catch (error) {
      // What a failed sync has left of the file is not known.
      this.#breakOff();
      throw error;
    }
    if (whole) this.#durable.reached(changes);
  }

  #breakOff(): void {
    this.#parts.journal.stop();
    this.#whole = false;
    this.#checkpoint = null;
  }

  #startJournal(): void {
    try {
      if (this.#position !== null) this.#parts.journal.start(this.#position);
    } catch (error) {
      this.#whole = false;
      this.#parts.health.failed('journal_start', error);
    }
  }

  /** The larger the lane, the dearer a checkpoint, and the longer the journal that is worth one. */
  #checkpointBytes(): number {
    const { shards, limits } = this.#parts;
    const quarter = shards.bytes() / 4;
    return Math.min(Math.max(quarter, limits.checkpointBytesMin), limits.checkpointBytesMax);
  }
}
