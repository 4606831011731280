import type { Log } from '@sallyport/shared/log';
import type { Block } from '@sallyport/shared/state/model';
import type { Monotonic } from './1-log/follow.ts';

/** What edges go on enforcing although the lanes do not have it, until the database has it. */
export interface CarriedKeeper {
  /** Takes the newest list of an edge; one that was not adopted yet is replaced. Never throws. */
  take(edgeId: string, blocks: readonly Block[]): void;
  stop(): void;
}

/** Between two lists of one edge. It says its list each half minute. */
const edgeEveryMsDefault = 5_000;
/** Longer after a failure, which may be of the database and then comes with every list. */
const failedMs = 250;
/** Lists that wait for the database. An edge says its list again on its next stream. */
const waitingMax = 1_024;

/**
 * Adopts one list at a time, in the order in which they came. An edge whose list was just taken, or
 * could not be, comes after the others, and not at once.
 */
export function createCarriedKeeper(options: {
  readonly adopt: (edgeId: string, blocks: readonly Block[]) => Promise<unknown>;
  readonly monotonic: Monotonic;
  readonly log: Log;
  /** Milliseconds. Default: 5 s. */
  readonly edgeEveryMs?: number;
}): CarriedKeeper {
  const { adopt, monotonic, log, edgeEveryMs = edgeEveryMsDefault } = options;
  const waiting = new Map<string, readonly Block[]>();
  /** When lists of edges were last begun with, the oldest first; gone after `edgeEveryMs`. */
  const begunAtMs = new Map<string, number>();
  let running = false;
  let later: NodeJS.Timeout | null = null;
  let failing = false;
  let stopped = false;

  const forgetBegun = (nowMs: number): void => {
    for (const [edgeId, atMs] of begunAtMs) {
      if (nowMs - atMs < edgeEveryMs) return;
      begunAtMs.delete(edgeId);
    }
  };

  /** The list whose turn it is, or how long until there is one; null: none waits. */
  const next = (): readonly [string, readonly Block[]] | number | null => {
    const nowMs = monotonic();
    forgetBegun(nowMs);
    let soonestMs: number | null = null;
    for (const entry of waiting) {
      const begun = begunAtMs.get(entry[0]);
      if (begun === undefined) return entry;
      const leftMs = begun + edgeEveryMs - nowMs;
      soonestMs = Math.min(soonestMs ?? leftMs, leftMs);
    }
    return soonestMs;
  };

  /** False: it failed, and waits behind all others. */
  const attempt = async (edgeId: string, blocks: readonly Block[]): Promise<boolean> => {
    waiting.delete(edgeId);
    begunAtMs.set(edgeId, monotonic());
    try {
      await adopt(edgeId, blocks);
      failing = false;
      return true;
    } catch (error) {
      log[failing ? 'debug' : 'warn']('publish.carried_not_adopted', { edge: edgeId, error });
      failing = true;
      // A newer list may have come meanwhile.
      if (!waiting.has(edgeId) && waiting.size < waitingMax) waiting.set(edgeId, blocks);
      return false;
    }
  };

  const wait = (ms: number): void => {
    later = setTimeout(() => {
      later = null;
      start();
    }, Math.ceil(ms));
    later.unref();
  };

  const run = async (): Promise<void> => {
    running = true;
    try {
      while (!stopped) {
        const entry = next();
        if (entry === null) return;
        if (typeof entry === 'number') return wait(entry);
        if (!(await attempt(...entry))) return wait(failedMs);
      }
    } finally {
      // In the same turn as the last look, so that no list comes in between.
      running = false;
    }
  };

  const start = (): void => {
    if (running || stopped) return;
    if (later !== null) clearTimeout(later);
    later = null;
    void run();
  };

  return {
    take(edgeId, blocks) {
      if (blocks.length === 0) {
        waiting.delete(edgeId);
        return;
      }
      if (waiting.size >= waitingMax && !waiting.has(edgeId)) return;
      waiting.set(edgeId, blocks);
      if (!failing || later === null) start();
    },
    stop() {
      stopped = true;
      if (later !== null) clearTimeout(later);
    },
  };
}
