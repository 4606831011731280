import { createLog, type Log } from '@sallyport/shared/log';
import { beforeAll, expect, test } from 'vitest';
import type { Database } from '../store/database.ts';
import { testDatabase } from '../testing/database.ts';
import { createReplicaRow, type OwnRow } from './replica-row.ts';

let database: Database;
beforeAll(async () => {
  ({ database } = await testDatabase());
});

const lines: string[] = [];
const log: Log = createLog('info', {}, (line) => lines.push(line));
const taken = (): number =>
  lines.filter((line) => line.includes('publish.replica_name_taken')).length;

let nowMs = 0;
let monotonicMs = 0;
const start = (replica: string): OwnRow =>
  createReplicaRow({
    database,
    replica,
    clock: () => {
      nowMs += 1;
      return nowMs;
    },
    monotonic: () => monotonicMs,
    log,
  });
const heads = new Map([['revoke', { epoch: 1, rev: 2 }] as const]);

test('a second process under the name of one that lives is noticed, once a minute', async () => {
  const [first, other] = [start('one'), start('two')];
  await first.save(heads);
  await other.save(heads);
  await first.save(heads);
  // A new process in the place of one that is gone.
  const second = start('one');
  await second.save(heads);
  await second.save(heads);
  expect(taken()).toBe(0);
  await first.save(heads);
  expect(taken()).toBe(1);
  await second.save(heads);
  await first.save(heads);
  expect(taken()).toBe(2);
  monotonicMs += 60_000;
  await second.save(heads);
  await first.save(heads);
  expect(taken()).toBe(4);
});

test('the others that were there lately are told with how far they have read', async () => {
  const others = await start('three').save(new Map());
  expect(others).toContainEqual({ name: 'two', heads: { revoke: { epoch: 1, rev: 2 } } });
});
