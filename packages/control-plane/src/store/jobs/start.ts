import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Database } from '../database.ts';
import { type LeaderJob, runAsLeader } from '../leader-job.ts';
import type { Leader } from '../leases.ts';
import { expireOnce } from './expiry.ts';
import { keepRecordDays } from './record-days.ts';
import { sweepOnce } from './retention.ts';

interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** Says how many rows went. */
  readonly once: (leader: Leader, nowMs: number) => Promise<number>;
}

/** What one replica of all does now and then. */
const jobs: readonly Job[] = [
  { name: 'retention', everyMs: 60_000, once: sweepOnce },
  { name: 'expiry', everyMs: 30_000, once: expireOnce },
  { name: 'record-days', everyMs: 60_000, once: keepRecordDays },
];

/** Starts the jobs of leaders. `replica`: its name, by which others know who leads. */
export function startJobs(parts: {
  readonly database: Database;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Log;
}): { stop(): Promise<void> } {
  const { database, replica, clock, log } = parts;
  const running = jobs.map(
    ({ name, everyMs, once }): LeaderJob =>
      runAsLeader({ database, name, holder: replica, everyMs, log }, async (leader) => {
        const rows = await once(leader, clock());
        if (rows > 0) log.info('job.done', { job: name, rows });
      }),
  );
  return {
    async stop() {
      await Promise.all(running.map((job) => job.stop()));
    },
  };
}
