import { sql } from 'drizzle-orm';
import { beforeEach, expect, test } from 'vitest';
import { testDatabase } from '../../testing/database.ts';
import { testLeader } from '../../testing/leader.ts';
import { accessRecord } from '../../testing/records.ts';
import {
  findRecord,
  insertAccessRecords,
  listRecordsAfter,
  newestRecordId,
  recordsWithin,
} from '../access-records.ts';
import type { Database } from '../database.ts';
import { readDatabaseMs } from '../edge-status.ts';
import { keepRecordDays } from '../jobs/record-days.ts';
import { ensureDaysFrom, recordDays } from './days.ts';
import { conditionOf } from './filter.ts';
import { dayAt, dayStartMs, receivedAtMsOf, recordIdAt } from './ids.ts';
import { rewritten } from './received.ts';
import { RecordRows } from './record-rows.ts';
import { lookup, storeRecords } from './store-records.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** Late in a day. */
const evening = Date.UTC(2026, 10, 23, 23, 59, 59, 990);

let database: Database;
beforeEach(async () => {
  ({ database } = await testDatabase());
});

const at = (ms: number) => ({ time: new Date(ms).toISOString() });
const ids = async () => (await listRecordsAfter(database.db, {}, 0, 1_000)).map((row) => row.id);

test('a record lies in the table of the day on which it came in, and its id says when', async () => {
  await insertAccessRecords(database, 'edg_a', [accessRecord(at(evening - dayMs))], evening);
  await insertAccessRecords(database, 'edg_a', [accessRecord(at(evening))], evening + 20);
  const { rows } = await database.db.execute<{ part: string; id: string }>(
    sql`select tableoid::regclass::text as part, id from access_records order by id`,
  );
  expect(rows.map(({ part }) => part)).toEqual([
    'access_records_20261123',
    'access_records_20261124',
  ]);
  expect(rows.map(({ id }) => receivedAtMsOf(Number(id)))).toEqual([evening, evening + 20]);
});

test('ids rise even where the clock goes back, and where a day is over within a batch', async () => {
  const many = Array.from({ length: 3_000 }, () => accessRecord(at(evening)));
  await insertAccessRecords(database, 'edg_a', many, evening + 9);
  await insertAccessRecords(database, 'edg_a', [accessRecord(at(evening))], evening - hourMs);
  const found = await database.db.execute<{ id: string; edge: boolean }>(sql`
    select id, id >= ${recordIdAt(evening + 10)} as edge from access_records order by id`);
  const read = found.rows.map(({ id }) => Number(id));
  expect(read).toHaveLength(3_001);
  expect(read.every((id, index) => index === 0 || id > (read[index - 1] ?? 0))).toBe(true);
  expect(found.rows.filter(({ edge }) => edge).length).toBe(3_001 - 2_048);
  expect(await newestRecordId(database.db)).toBe(read.at(-1));
});

test.each<[when: string, sentMs: number, againMs: number]>([
  ['at once', evening - 1_000, evening],
  ['after midnight', evening, evening + 60_000],
  ['after six days', evening, evening + 6 * dayMs],
  ['within the hour, from an edge whose clock is ahead', evening + dayMs, evening + hourMs / 2],
])('a record that comes again %s is stored once', async (_when, sentMs, againMs) => {
  const record = accessRecord(at(sentMs));
  await insertAccessRecords(database, 'edg_a', [record, record], evening);
  const before = await ids();
  await insertAccessRecords(database, 'edg_a', [accessRecord(at(againMs)), record], againMs);
  const after = await ids();
  expect([before.length, after.length]).toEqual([1, 2]);
  expect((await findRecord(database.db, record.correlationId))?.id).toBe(before[0]);
  // Of another edge it is another.
  await insertAccessRecords(database, 'edg_b', [record], againMs);
  expect(await ids()).toHaveLength(3);
});

test('two writers store a record once', async () => {
  const record = rewritten(accessRecord());
  const stored = await Promise.all(
    Array.from({ length: 6 }, () => storeRecords(database, [RecordRows.of('edg_a', [record])])),
  );
  expect(stored.filter((known) => known.size === 0)).toHaveLength(1);
  expect(await ids()).toHaveLength(1);
});

test('what an edge says is kept as it is: addresses, networks, arrays, large numbers', async () => {
  const records = [
    accessRecord({ sourceAddress: '203.0.113.7', reasons: [], ruleIds: ['a/b', 'ü\\"\t'] }),
    accessRecord({ sourceAddress: '2001:db8::7', configVersion: 2 ** 53 - 1 }),
    accessRecord({ sourceAddress: '203.0.113.0/24', userEmail: 'é@corp.test' }),
    accessRecord({ sourceAddress: '3f2a', userId: null }),
    accessRecord({ sourceAddress: '::ffff:203.0.113.9' }),
    // As redaction leaves it (docs/protocol.md).
    accessRecord({ sourceAddress: '', userEmail: null, path: '', redacted: ['sourceAddress'] }),
    accessRecord({ sourceAddress: '2001:db8:7::/48', redacted: ['sourceAddress'] }),
    accessRecord({ sourceAddress: 'hmac:AbCdEf0123456789_-wxyz', redacted: ['sourceAddress'] }),
  ];
  await insertAccessRecords(database, 'edg_a', records, evening);
  const { rows } = await database.db.execute(sql`
    select source_address::text as address, rule_ids as rules, config_version as version,
      user_email as email, record
    from access_records order by id`);
  expect(rows.map(({ address }) => address)).toEqual([
    '203.0.113.7/32',
    '2001:db8::7/128',
    '203.0.113.0/24',
    null,
    '203.0.113.9/32',
    null,
    '2001:db8:7::/48',
    null,
  ]);
  expect(rows[0]).toMatchObject({ rules: ['a/b', 'ü\\"\t'] });
  expect(rows[1]).toMatchObject({ version: '9007199254740991' });
  expect(rows[2]).toMatchObject({ email: 'é@corp.test' });
  expect(rows.map(({ record }) => record)).toEqual(records);
});

test('days are made ahead, and dropped when all of them is older than the settings want', async () => {
  const leader = await testLeader(database);
  const nowMs = await readDatabaseMs(database.db);
  const today = dayAt(nowMs);
  for (const day of [today - 92, today - 91, today - 90]) {
    await ensureDaysFrom(database.db, day);
    await insertAccessRecords(
      database,
      'edg_a',
      [accessRecord(at(dayStartMs(day)))],
      dayStartMs(day) + hourMs,
    );
  }
  // Our clock is far ahead: that takes nothing away.
  expect(await keepRecordDays(leader, nowMs + 400 * dayMs)).toBe(2);
  expect(await keepRecordDays(leader, nowMs)).toBe(0);
  const days = await recordDays(database.db);
  expect(days.slice(0, 1)).toEqual([today - 90]);
  expect(days).toEqual(expect.arrayContaining([today, today + 1, today + 2, today + 3]));
  expect(await ids()).toHaveLength(1);
});

test('a writer goes on while days are made and dropped', async () => {
  const leader = await testLeader(database);
  await ensureDaysFrom(database.db, dayAt(await readDatabaseMs(database.db)) - 100);
  const dropped = keepRecordDays(leader, Date.now()).catch(() => 0);
  for (let at = 0; at < 20; at += 1) {
    await storeRecords(database, [RecordRows.of('edg_a', [rewritten(accessRecord())])]);
  }
  await dropped;
  expect(await ids()).toHaveLength(20);
});

test('the last decisions of a user come from the index of each day', async () => {
  for (const back of [1, 0]) {
    const made = Array.from({ length: 3_000 }, (_, index) =>
      accessRecord({ ...at(evening - back * dayMs), userId: `usr_${index % 300}` }),
    );
    await insertAccessRecords(database, 'edg_a', made, evening - back * dayMs);
  }
  await database.bulk.query('analyze access_records');
  const condition = await conditionOf(database.db, { user: 'usr_7' });
  const range = { low: recordIdAt(evening - 2 * dayMs), high: recordIdAt(evening + dayMs) };
  const { sql: text, params } = recordsWithin(database.db, condition, range, 15).toSQL();
  const { rows } = await database.bulk.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, costs off, timing off, summary off) ${text}`,
    params,
  );
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('access_records_20261123_user_id_id_idx');
  expect(plan).toContain('access_records_20261122_user_id_id_idx');
  expect(plan).not.toMatch(/Seq Scan|Sort/);
});

test('what comes again is looked for by its id, also in a day without statistics', async () => {
  const made = Array.from({ length: 6_000 }, () => accessRecord(at(evening)));
  await insertAccessRecords(database, 'edg_a', made, evening);
  const some = made.slice(0, 500).map(({ correlationId }) => correlationId);
  const client = await database.connect();
  try {
    await client.query(`begin; ${lookup.settings}`);
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, costs off, timing off, summary off) ${lookup.query}`,
      [some, recordIdAt(evening - hourMs)],
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('Index Scan using access_records_20261123_correlation_id_idx');
    expect(plan).not.toMatch(/Seq Scan|Bitmap|_pkey/);
  } finally {
    await client.end();
  }
});
