import { type Denial, denialKey } from '@sallyport/shared/sync/denials';
import type { CarriedOps } from './disk/loaded-state.ts';

interface Batch extends CarriedOps {
  denials: readonly Denial[];
  readonly bytes: number;
}

/** Half of what the file may have; a disk that fails for so long has marks that say so. */
const bytesMax = 2 ** 25;
const denialBytes = 256;

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
  #bytes = 0;

  /** `kept` null: what is in the rows now is on disk. `onGone`: there are fewer than before. */
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
    const bodies = early.reduce((sum, { body }) => sum + body.length, 0);
    const batch = { epoch, denials, early, bytes: bodies + denials.length * denialBytes };
    this.#batches.add(batch);
    this.#bytes += batch.bytes;
    for (const oldest of this.#batches) {
      if (this.#bytes <= bytesMax) break;
      this.#forget(oldest);
    }
    void kept.then(() => {
      if (this.#forget(batch)) this.#onGone();
    });
    return true;
  }

  /** What is taken back needs to be kept nowhere. */
  lift(rows: ReadonlySet<string>): void {
    if (rows.size === 0) return;
    for (const batch of this.#batches) {
      batch.denials = batch.denials.filter((denial) => !rows.has(denialKey(denial)));
    }
  }

  /** All that the file is to hold: what is still enforced beside the rows, and these. */
  beside({ epoch, denials, early }: CarriedOps): CarriedOps {
    if (this.empty) return { epoch, denials, early };
    const batches = [...this.#batches];
    const leaving = batches.flatMap((one) => {
      // What was to end with an epoch before has ended.
      return one.denials.filter(({ op }) => op === 'block' || one.epoch === epoch);
    });
    const rows = new Map(leaving.map((one) => [denialKey(one), one]));
    for (const denial of denials) rows.delete(denialKey(denial));
    return {
      epoch,
      denials: [...denials, ...rows.values()],
      early: [...early, ...batches.flatMap((one) => one.early)],
    };
  }

  #forget(batch: Batch): boolean {
    if (!this.#batches.delete(batch)) return false;
    this.#bytes -= batch.bytes;
    return true;
  }
}
