import { eq } from 'drizzle-orm';
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../testing/database.ts';
import { testLeader } from '../../testing/leader.ts';
import type { Database } from '../database.ts';
import type { Leader } from '../leases.ts';
import { changeLog, laneHeads, singleUse } from '../schema/index.ts';
import { keptMs, sweepOnce } from './retention.ts';

let database: Database;
let leader: Leader;
beforeAll(async () => {
  ({ database } = await testDatabase());
  leader = await testLeader(database);
});

const nowMs = Date.now();

/** Writes revisions with the given ages, the first as rev 1, and moves the head to the last. */
async function log(lane: 'revoke' | 'directory', epoch: number, agesMs: readonly number[]) {
  await database.db.insert(changeLog).values(
    agesMs.map((ageMs, index) => ({
      lane,
      epoch,
      rev: index + 1,
      prevRev: index,
      body: new Uint8Array(),
      writtenAtMs: nowMs - ageMs,
    })),
  );
  await database.db
    .update(laneHeads)
    .set({ epoch, rev: agesMs.length })
    .where(eq(laneHeads.lane, lane));
}

async function left(lane: 'revoke' | 'directory'): Promise<string[]> {
  const rows = await database.db.select().from(changeLog).where(eq(changeLog.lane, lane));
  return rows.map((row) => `${row.epoch}:${row.rev}`).sort();
}

test('old revisions go without leaving a gap, whatever the clocks of the writers said', async () => {
  const old = keptMs.change + 1_000;
  // The writer of revision 2 had a clock that was ahead.
  await log('revoke', 1, [old, 0, old, 0, 0]);
  await sweepOnce(leader, nowMs);
  expect(await left('revoke')).toEqual(['1:4', '1:5']);
});

test('the newest revision of a lane stays however old it is, and earlier epochs go', async () => {
  const old = keptMs.change + 1_000;
  await log('directory', 1, [old, old]);
  await log('directory', 2, [old, old, old]);
  await sweepOnce(leader, nowMs);
  expect(await left('directory')).toEqual(['2:3']);
});

test('a sweep is bounded, and the next one goes on', async () => {
  const rows = Array.from({ length: 2_500 }, (_, index) => ({
    purpose: 'hand-over' as const,
    value: `used-${index}`,
    expiresAtMs: nowMs - 1,
  }));
  await database.db.insert(singleUse).values(rows);
  const alive = { purpose: 'hand-over', value: 'alive', expiresAtMs: nowMs + 1_000 } as const;
  await database.db.insert(singleUse).values(alive);
  expect(await sweepOnce(leader, nowMs)).toBe(2_000);
  expect(await sweepOnce(leader, nowMs)).toBe(500);
  expect(await database.db.select().from(singleUse)).toEqual([alive]);
});
