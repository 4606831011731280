import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { testDatabase } from '../testing/database.ts';
import { accessRecord } from '../testing/records.ts';
import { decisionsAfter, decisionsBefore } from './decisions.ts';
import { summarise } from './summary.ts';

const { database } = await testDatabase();

test('questions that take long leave connections for everybody else', async () => {
  await insertAccessRecords(database, 'edg_a', [accessRecord()], Date.now());
  const other = await database.connect();
  await other.query('begin; lock table access_records in access exclusive mode');
  const asked = Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0
        ? decisionsBefore(database, { host: 'none' }, null, 50)
        : summarise(database, 'host', {}, 50),
    ),
  );
  let most = 0;
  for (let looks = 0; looks < 12; ) {
    const { rows } = await database.urgentDb.execute<{ count: string }>(
      sql`select count(*) as count from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
    );
    most = Math.max(most, Number(rows[0]?.count));
    if (most >= 3) looks += 1;
  }
  await other.query('rollback');
  await other.end();
  await asked;
  expect(most).toBe(3);
});

test('a page of large records has fewer rows, and the next goes on where it ended', async () => {
  const records = Array.from({ length: 24 }, (_, index) =>
    accessRecord({
      edge: 'edg_large',
      path: '/',
      ...(index % 2 === 0 ? { userAgent: 'x'.repeat(900_000) } : {}),
    }),
  );
  await insertAccessRecords(database, 'edg_large', records, Date.now());
  const filter = { edge: 'edg_large' };
  const ids = records.map((one) => one.correlationId);
  const down: string[] = [];
  const sizes: number[] = [];
  for (let before: number | null = null; ; ) {
    const page = await decisionsBefore(database, filter, before, 200);
    down.push(...page.rows.map((row) => row.correlationId));
    sizes.push(JSON.stringify(page.rows).length);
    before = page.nextId;
    if (before === null) break;
  }
  expect(down).toEqual(ids.toReversed());
  expect(sizes.length).toBe(2);
  expect(Math.max(...sizes)).toBeLessThan(10_000_000);
  const up: string[] = [];
  for (let after = 0; up.length < ids.length; ) {
    const page = await decisionsAfter(database.db, filter, after, 200);
    up.push(...page.rows.map((row) => row.correlationId));
    expect(JSON.stringify(page.rows).length).toBeLessThan(10_000_000);
    expect(page.tailId).toBeGreaterThan(after);
    after = page.tailId;
  }
  expect(up).toEqual(ids);
});
