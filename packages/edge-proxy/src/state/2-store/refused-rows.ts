import { configRowKey } from '@sallyport/proto';
import type { ConfigOp, Release } from '@sallyport/shared/state/model';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { AdmittedConfig, ConfigKnowledge } from './admit-config.ts';

/**
 * Rows of the lane `config` that stand in the state and are not live here. While one of them
 * counts, the lane may not be acknowledged: an acknowledgement is for all positions before, too.
 */
export class RefusedRows {
  readonly #rows = new Map<string, { readonly op: ConfigOp; readonly problem: Problem }>();
  /** The highest version that compiled. */
  #newest = 0;

  /** What has become of the ops of one frame; `whole`: of all rows. */
  judged(
    ops: readonly ConfigOp[],
    { refused, refusals }: Pick<AdmittedConfig, 'refused' | 'refusals'>,
    whole: boolean,
  ): void {
    if (whole) {
      this.#rows.clear();
      this.#newest = 0;
    }
    const problems = new Map(refused.map((op, index) => [op, refusals[index]]));
    // In the order of the ops: of several for one row the last is the row.
    for (const op of ops) {
      const key = configRowKey(op);
      // The newest refusal is the last of them.
      this.#rows.delete(key);
      const problem = problems.get(op);
      if (problem !== undefined) {
        this.#rows.set(key, { op, problem });
        continue;
      }
      if (op.op === 'bundle') this.#newest = Math.max(this.#newest, op.version);
    }
  }

  /** Whether this very op stands refused. */
  has(op: ConfigOp): boolean {
    return this.#rows.get(configRowKey(op))?.op === op;
  }

  /** Releases that were refused for want of a version that is here by now. */
  releasesToTake({ compiled }: ConfigKnowledge): Release[] {
    return [...this.#rows.values()]
      .map(({ op }) => op)
      .filter((op) => op.op === 'release')
      .filter(({ version }) => compiled.has(version));
  }

  /**
   * Why the newest row that counts was refused; null: none counts. A version does while it is
   * released, a shadow alone aside, or nothing newer has compiled; one that was passed over is never decided by. Everything
   * else does until it is replaced, deleted or taken.
   */
  standing({ releases }: ConfigKnowledge): Problem | null {
    const released = new Set([...releases.values()].map(({ version }) => version));
    const rows = [...this.#rows.values()];
    const newest = rows.findLast(
      ({ op }) => op.op !== 'bundle' || released.has(op.version) || op.version > this.#newest,
    );
    return newest?.problem ?? null;
  }
}
