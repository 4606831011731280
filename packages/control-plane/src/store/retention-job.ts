import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Database } from './database.ts';
import { sweepOnce } from './retention.ts';

const everyMs = 60_000;

export interface RetentionJob {
  /** Resolves when a sweep that is under way has ended. */
  stop(): Promise<void>;
}

/** Sweeps each minute, one sweep at a time. A sweep that fails is tried again with the next one. */
export function startRetention(database: Database, clock: Clock, log: Log): RetentionJob {
  let running: Promise<void> | null = null;
  const sweep = async (): Promise<void> => {
    try {
      const deleted = await sweepOnce(database, clock());
      if (deleted > 0) log.info('retention.swept', { deleted });
    } catch (error) {
      log.warn('retention.failed', { error });
    }
  };
  const timer = setInterval(() => {
    running ??= sweep().finally(() => {
      running = null;
    });
  }, everyMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
