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
  const wait = (who: string) => waiters.wait(who, newest, longMs, never);
  const waiting = Array.from({ length: 8 }, () => wait('adm_0'));
  // One token does not take the places of others.
  await expect(wait('adm_0')).rejects.toMatchObject({ code: 'too_many_requests' });
  waiting.push(...Array.from({ length: 56 }, (_, index) => wait(`adm_${1 + (index % 7)}`)));
  await expect(wait('adm_8')).rejects.toMatchObject({ code: 'too_many_requests' });
  await insertAccessRecords(database, 'edg_a', [accessRecord()], Date.now());
  await Promise.all(waiting);
  const gone = new AbortController();
  const left = waiters.wait('adm_0', await newestRecordId(database.db), longMs, gone.signal);
  gone.abort();
  await left;
  const open = waiters.wait('adm_0', await newestRecordId(database.db), longMs, never);
  waiters.close();
  await open;
  await waiters.wait('adm_0', await newestRecordId(database.db), longMs, never);
});

test('a database that goes away wakes them, so that they are told', async () => {
  const { database: other } = await testDatabase();
  const waiters = new TailWaiters(other);
  const waiting = waiters.wait('adm_0', Number.MAX_SAFE_INTEGER, longMs, never);
  await closeTestDatabase(other);
  await waiting;
});
