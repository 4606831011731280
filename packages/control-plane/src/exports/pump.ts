import type { Log } from '@sallyport/shared/log';
import { type Backoff, retryDelayMs } from '@sallyport/shared/retry';
import { type Leader, LeaseLostError } from '../store/leases.ts';
import { ExportFailure } from './failure.ts';

/** What one sink does in a turn: all there is to do, or up to the first failure. */
export type Turn = (leader: Leader, signal: AbortSignal) => Promise<void>;

export interface Pump {
  /** Begins a turn, unless one is under way or the sink is to be left alone. Never waits. */
  kick(leader: Leader): void;
  /** Resolves when a turn that is under way has ended. */
  stop(): Promise<void>;
}

export interface PumpOptions {
  readonly name: string;
  readonly log: Log;
  /** Told of each `ExportFailure`. */
  readonly failed: (leader: Leader, failure: ExportFailure) => Promise<void>;
  readonly backoff?: Backoff;
}

const backoffDefault: Backoff = { firstMs: 1_000, maxMs: 60_000 };

/**
 * Runs the turns of one sink, one at a time, for itself: what it waits for, nobody else does. After a
 * failure it is left alone for a while, the longer the more there were in a row.
 */
export function createPump(turn: Turn, options: PumpOptions): Pump {
  const { name, log, backoff = backoffDefault } = options;
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  let failures = 0;
  let notBeforeMs = 0;

  const run = async (leader: Leader): Promise<void> => {
    try {
      await turn(leader, stopping.signal);
      failures = 0;
    } catch (error) {
      if (stopping.signal.aborted) return;
      // Another replica leads, or the database is away: there is another turn soon.
      if (!(error instanceof ExportFailure)) {
        if (error instanceof LeaseLostError) log.debug('exports.lease_lost', { sink: name });
        else log.warn('exports.turn_failed', { sink: name, error });
        return;
      }
      const delayMs = retryDelayMs(failures, backoff, Math.random());
      notBeforeMs = performance.now() + Math.max(delayMs, error.retryAfterMs ?? 0);
      // Once for each time it begins, not for each attempt.
      if (failures === 0) log.warn('exports.failing', { sink: name, reason: error.message });
      failures += 1;
      await options.failed(leader, error).catch(() => undefined);
    }
  };

  return {
    kick(leader) {
      if (stopping.signal.aborted || running !== null || performance.now() < notBeforeMs) return;
      running = run(leader).finally(() => {
        running = null;
      });
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
