import type { Log } from '@sallyport/shared/log';
import type { Block } from '@sallyport/shared/state/model';

/** What edges go on enforcing although the lanes do not have it, until the database has it. */
export interface CarriedKeeper {
  /** Takes the newest list of an edge; one that was not adopted yet is replaced. Never throws. */
  take(edgeId: string, blocks: readonly Block[]): void;
  stop(): void;
}

const retryMs = 2_000;
/** Lists that wait for the database. An edge says its list again on its next stream. */
const waitingMax = 1_024;

/** Adopts one list at a time; while the database is away they wait. */
export function createCarriedKeeper(options: {
  readonly adopt: (edgeId: string, blocks: readonly Block[]) => Promise<unknown>;
  readonly log: Log;
}): CarriedKeeper {
  const { adopt, log } = options;
  const waiting = new Map<string, readonly Block[]>();
  let running = false;
  let retry: NodeJS.Timeout | null = null;
  let stopped = false;

  const run = async (): Promise<void> => {
    for (;;) {
      const [next] = waiting;
      if (next === undefined || stopped) return;
      const [edgeId, blocks] = next;
      await adopt(edgeId, blocks);
      // A newer list may have come meanwhile.
      if (waiting.get(edgeId) === blocks) waiting.delete(edgeId);
    }
  };

  const start = (): void => {
    if (running || stopped || retry !== null) return;
    running = true;
    run()
      .catch((error: unknown) => {
        log.warn('publish.carried_not_adopted', { error });
        retry = setTimeout(() => {
          retry = null;
          start();
        }, retryMs);
        retry.unref();
      })
      .finally(() => {
        running = false;
      });
  };

  return {
    take(edgeId, blocks) {
      if (blocks.length === 0) {
        waiting.delete(edgeId);
        return;
      }
      if (waiting.size >= waitingMax && !waiting.has(edgeId)) return;
      waiting.set(edgeId, blocks);
      start();
    },
    stop() {
      stopped = true;
      if (retry !== null) clearTimeout(retry);
    },
  };
}
