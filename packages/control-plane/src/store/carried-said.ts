import { Lru } from '@sallyport/shared/lru';
import type { Block } from '@sallyport/shared/state/model';

const againMs = 60_000;
/** A hundred edges with a hundred each. What is pushed out may be said again early. */
const keptMax = 10_000;

/**
 * When an edge was last told that it need not carry a block any more. It says its list again and
 * again, and each answer is a revision for all edges.
 */
export class CarriedSaid {
  readonly #saidAtMs = new Lru<string, number>({ sizeMax: keptMax });

  /** Whether it is to be said now; true at most once a minute for each edge and block. */
  isDue(edgeId: string, { revocationId, kind, subjectId }: Block, nowMs: number): boolean {
    const key = `${edgeId} ${revocationId} ${kind} ${subjectId}`;
    const saidAtMs = this.#saidAtMs.get(key);
    // A clock that was set back must not silence it for longer.
    if (saidAtMs !== undefined && Math.abs(nowMs - saidAtMs) < againMs) return false;
    this.#saidAtMs.set(key, nowMs);
    return true;
  }
}
