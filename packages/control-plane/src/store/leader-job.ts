import type { Log } from '@sallyport/shared/log';
import { type Database, read } from './database.ts';
import {
  acquireLease,
  type Leader,
  type Lease,
  LeaseLostError,
  leaderOf,
  releaseLease,
  renewLease,
} from './leases.ts';

export interface LeaderJobOptions {
  readonly database: Database;
  /** Of the lease and of the job. */
  readonly name: string;
  /** Name of this replica. */
  readonly holder: string;
  readonly everyMs: number;
  readonly log: Log;
}

export interface LeaderJob {
  /** Runs the job now, if this replica is or becomes the leader. Never rejects. */
  runNow(): Promise<void>;
  /** Resolves when a run that is under way has ended, and gives the lease back. */
  stop(): Promise<void>;
}

/** Of the time between two runs: a leader that misses two is replaced. */
const leaseRuns = 3;
const leaseMsMin = 10_000;

/**
 * Runs a job now and then, on one replica of all: the one that holds its lease. One run at a time;
 * a run that fails is tried again with the next one.
 */
export function runAsLeader(
  options: LeaderJobOptions,
  job: (leader: Leader) => Promise<void>,
): LeaderJob {
  const { database, name, holder, everyMs, log } = options;
  const forMs = Math.max(leaseMsMin, leaseRuns * everyMs);
  let lease: Lease | null = null;
  let running: Promise<void> | null = null;

  const hold = async (): Promise<Lease | null> => {
    const known = lease;
    if (known !== null && (await read(database, (db) => renewLease(db, known, forMs)))) {
      return known;
    }
    lease = await read(database, (db) => acquireLease(db, name, holder, forMs));
    if (lease !== null) log.info('job.leading', { job: name, fence: lease.fence });
    return lease;
  };

  const run = async (): Promise<void> => {
    try {
      const held = await hold();
      if (held !== null) await job(leaderOf(database, held));
    } catch (error) {
      if (error instanceof LeaseLostError) lease = null;
      log.warn('job.failed', { job: name, error });
    }
  };

  const runNow = (): Promise<void> => {
    running ??= run().finally(() => {
      running = null;
    });
    return running;
  };

  const timer = setInterval(() => void runNow(), everyMs);
  timer.unref();
  return {
    runNow,
    async stop() {
      clearInterval(timer);
      await running;
      const held = lease;
      lease = null;
      if (held === null) return;
      await read(database, (db) => releaseLease(db, held)).catch((error: unknown) =>
        log.debug('job.lease_kept', { job: name, error }),
      );
    },
  };
}
