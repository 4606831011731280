import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { testDatabase } from '../testing/database.ts';
import { accessRecord } from '../testing/records.ts';
import { decisionsBefore } from './decisions.ts';
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
