import { expect, test } from 'vitest';
import { insertAccessRecords, newestRecordId } from '../store/access-records.ts';
import { closeTestDatabase, testDatabase } from '../testing/database.ts';
import { accessRecord } from '../testing/records.ts';
import { TailWaiters } from './tail-waiters.ts';

const { database } = await testDatabase();
const never = new AbortController().signal;
const longMs = 600_000;

test('all that wait are woken by a newer record, at the end, and when nobody waits any more', async () => {
  const waiters = new TailWaiters(database);
  const newest = await newestRecordId(database.db);
  const waiting = Array.from({ length: 64 }, () => waiters.wait(newest, longMs, never));
  await expect(waiters.wait(newest, longMs, never)).rejects.toMatchObject({
    code: 'too_many_requests',
  });
  await insertAccessRecords(database, 'edg_a', [accessRecord()], Date.now());
  await Promise.all(waiting);
  const gone = new AbortController();
  const left = waiters.wait(await newestRecordId(database.db), longMs, gone.signal);
  gone.abort();
  await left;
  const open = waiters.wait(await newestRecordId(database.db), longMs, never);
  waiters.close();
  await open;
  await waiters.wait(await newestRecordId(database.db), longMs, never);
});

test('a database that goes away wakes them, so that they are told', async () => {
  const { database: other } = await testDatabase();
  const waiters = new TailWaiters(other);
  const waiting = waiters.wait(Number.MAX_SAFE_INTEGER, longMs, never);
  await closeTestDatabase(other);
  await waiting;
});
