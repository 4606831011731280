import { durationMs } from '@sallyport/policy';
import { readLiveDocuments } from '../configuration.ts';
import type { Executor } from '../database.ts';
import { readDatabaseMs } from '../edge-status.ts';
import type { Leader } from '../leases.ts';
import { dropOldestDay, ensureDaysFrom } from '../records/days.ts';
import { dayAt } from '../records/ids.ts';
import { forgetLargeHeaders } from '../records/large-headers.ts';
import { forgetLegacy } from '../records/legacy.ts';
import { keptMs } from './retention.ts';

/** Days that go at once: after an outage, or when less is to be kept, the rest goes with the next. */
const daysPerRun = 7;

/**
 * Makes the tables that writers of access records will need, and drops those of which every record
 * is older than the live settings want. Says how many days went. A clock of ours that is ahead of
 * the database's takes nothing away.
 */
export async function keepRecordDays(leader: Leader, nowMs: number): Promise<number> {
  const beforeMs = await leader.run(async (db) => {
    const databaseMs = await readDatabaseMs(db);
    await ensureDaysFrom(db, dayAt(databaseMs));
    return Math.min(nowMs, databaseMs) - (await retentionMs(db));
  });
  for (let dropped = 0; dropped < daysPerRun; dropped += 1) {
    const day = await leader.run((db) => dropOldestDay(db, beforeMs));
    if (day === null) {
      const beforeDay = dayAt(beforeMs);
      await leader.run((db) => forgetLegacy(db, beforeDay));
      await leader.run((db) => forgetLargeHeaders(db, beforeDay));
      return dropped;
    }
  }
  return daysPerRun;
}

async function retentionMs(db: Executor): Promise<number> {
  const settings = (await readLiveDocuments(db)).find(({ kind }) => kind === 'Settings');
  const written = settings?.kind === 'Settings' ? settings.spec.records?.retention : undefined;
  return (written === undefined ? null : durationMs(written)) ?? keptMs.accessRecord;
}
