import { type Denial, denialKey } from '@sallyport/shared/sync/denials';
import type { CarriedOps, EarlyDenials } from './disk/loaded-state.ts';

/** What became durable together. */
interface Batch {
  readonly epoch: number;
  denials: Denial[];
  readonly early: EarlyDenials[];
  bytes: number;
  readonly kept: Promise<void>;
}

/** About what a file may have of them; a disk that fails for so long has marks that say so. */
const bytesMax = 2 ** 26;
const denialBytes = 256;
const earlyBytes = 512;

/**
 * Denials that stand in the lane's rows and nowhere else by now. They stay in the file of those
 * beside the rows until the rows would outlive a power cut, too: with the rows of before, and without
 * this file, a restart would have forgotten them.
 */
export class LeavingDenials {
  readonly #kept: () => Promise<void> | null;
  readonly #onGone: () => void;
  /** Oldest first. */
  readonly #batches = new Set<Batch>();
  #last: Batch | null = null;
  #bytes = 0;

  /**
   * `kept` null: what is in the rows now is on disk; the same promise: at the same time as before.
   * `onGone`: there are fewer than before.
   */
  constructor(kept: () => Promise<void> | null, onGone: () => void) {
    this.#kept = kept;
    this.#onGone = onGone;
  }

  get empty(): boolean {
    return this.#batches.size === 0;
  }

  /** These are in the rows as they are now. Returns whether they have to wait. */
  add({ epoch, denials, early }: CarriedOps): boolean {
    const kept = denials.length + early.length === 0 ? null : this.#kept();
    if (kept === null) return false;
    const batch = this.#batchOf(epoch, kept);
    const bodies = early.reduce((sum, { body }) => sum + earlyBytes + body.length, 0);
    const bytes = bodies + denials.length * denialBytes;
    for (const denial of denials) batch.denials.push(denial);
    for (const one of early) batch.early.push(one);
    batch.bytes += bytes;
    this.#bytes += bytes;
    for (const oldest of this.#batches) {
      // Never what is being added: nothing else has it.
      if (this.#bytes <= bytesMax || oldest === batch) break;
      this.#forget(oldest);
    }
    return true;
  }

  /** What is taken back needs to be kept nowhere. */
  lift(rows: ReadonlySet<string>): void {
    if (rows.size === 0) return;
    for (const batch of this.#batches) {
      batch.denials = batch.denials.filter((denial) => !rows.has(denialKey(denial)));
    }
  }

  /**
   * All that the file is to hold: what is still enforced beside the rows, and these. `isAmong`: of
   * which rows there is a denial in the former.
   */
  beside({ epoch, denials, early }: CarriedOps, isAmong: (key: string) => boolean): CarriedOps {
    if (this.empty) return { epoch, denials, early };
    const batches = [...this.#batches];
    const leaving = batches.flatMap((one) => {
      // What was to end with an epoch before has ended.
      return one.denials.filter(({ op }) => op === 'block' || one.epoch === epoch);
    });
    const rows = new Map(leaving.map((one) => [denialKey(one), one]));
    const others = [...rows].flatMap(([key, one]) => (isAmong(key) ? [] : [one]));
    return {
      epoch,
      denials: [...denials, ...others],
      early: [...early, ...batches.flatMap((one) => one.early)],
    };
  }

  /** What is kept at the same time goes together. */
  #batchOf(epoch: number, kept: Promise<void>): Batch {
    const last = this.#last;
    if (last !== null && this.#batches.has(last) && last.kept === kept && last.epoch === epoch) {
      return last;
    }
    const batch: Batch = { epoch, denials: [], early: [], bytes: 0, kept };
    this.#batches.add(batch);
    this.#last = batch;
    void kept.then(() => {
      if (this.#forget(batch)) this.#onGone();
    });
    return batch;
  }

  #forget(batch: Batch): boolean {
    if (!this.#batches.delete(batch)) return false;
    this.#bytes -= batch.bytes;
    return true;
  }
}
