import { configRowKey } from '@sallyport/proto';
import type { ConfigOp, Release } from '@sallyport/shared/state/model';
import type { ConfigKnowledge } from './admit-config.ts';

/**
 * Rows of the lane `config` that stand in the state and are not live here. While one of them
 * counts, the lane may not be acknowledged: an acknowledgement is for all positions before, too.
 */
export class RefusedRows {
  readonly #rows = new Map<string, ConfigOp>();
  /** The highest version that compiled. */
  #newest = 0;

  /** What has become of the ops of one frame; `whole`: of all rows. */
  judged(ops: readonly ConfigOp[], refused: readonly ConfigOp[], whole: boolean): void {
    if (whole) {
      this.#rows.clear();
      this.#newest = 0;
    }
    const refusals = new Set(refused);
    // In the order of the ops: of several for one row the last is the row.
    for (const op of ops) {
      if (refusals.has(op)) {
        this.#rows.set(configRowKey(op), op);
        continue;
      }
      this.#rows.delete(configRowKey(op));
      if (op.op === 'bundle') this.#newest = Math.max(this.#newest, op.version);
    }
  }

  /** Releases that were refused for want of a version that is here by now. */
  releasesToTake({ compiled }: ConfigKnowledge): Release[] {
    return [...this.#rows.values()].filter(
      (op): op is Release => op.op === 'release' && compiled.has(op.version),
    );
  }

  /**
   * Whether a row counts. A version does while it is released or nothing newer has compiled; one
   * that was passed over is never decided by. Everything else does until it is replaced, deleted or
   * taken.
   */
  hold({ releases }: ConfigKnowledge): boolean {
    const released = new Set(releases.values());
    return [...this.#rows.values()].some(
      (op) => op.op !== 'bundle' || released.has(op.version) || op.version > this.#newest,
    );
  }
}
