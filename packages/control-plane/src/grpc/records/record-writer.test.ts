import { expect, test } from 'vitest';
import { listRecordsAfter } from '../../store/access-records.ts';
import { type ReceivedRecord, rewritten } from '../../store/records/received.ts';
import { RecordRows } from '../../store/records/record-rows.ts';
import { testDatabase } from '../../testing/database.ts';
import { accessRecord } from '../../testing/records.ts';
import { RecordWriter } from './record-writer.ts';
import { WaitingBatch } from './waiting-batch.ts';

const { database } = await testDatabase();
const writer = new RecordWriter(database);
const records = (count: number) => Array.from({ length: count }, () => rewritten(accessRecord()));
const store = async (edgeId: string, batch: readonly ReceivedRecord[]) =>
  (await writer.store(RecordRows.of(edgeId, batch))).unstorable;
const stored = async (edgeId: string) =>
  (await listRecordsAfter(database.db, { edge: edgeId }, 0, 10_000)).length;

test('batches that wait at the same time are stored together, each in its order', async () => {
  const batches = Array.from({ length: 30 }, (_, index) => ({
    edgeId: `edg_${index}`,
    records: records(7),
  }));
  expect(await Promise.all(batches.map((batch) => store(batch.edgeId, batch.records)))).toEqual(
    batches.map(() => 0),
  );
  const { rows } = await database.ordinary.query<{ transactions: string; edges: string }>(
    'select count(distinct xmin::text) as transactions, count(distinct edge_id) as edges from access_records',
  );
  expect(rows).toEqual([{ transactions: '2', edges: '30' }]);
});

test('a record that the database does not take keeps back no other, of whatever edge', async () => {
  const bad = rewritten(accessRecord());
  const broken = { ...bad, json: Buffer.from('{"no":') };
  const [good, odd, more] = await Promise.all([
    store('edg_first', records(1)),
    store('edg_odd', [...records(5), broken, ...records(6)]),
    store('edg_more', records(4)),
  ]);
  expect([good, odd, more]).toEqual([0, 1, 0]);
  expect([await stored('edg_first'), await stored('edg_odd'), await stored('edg_more')]).toEqual([
    1, 11, 4,
  ]);
});

const large = (count: number) =>
  Array.from({ length: count }, () => rewritten(accessRecord({ userAgent: 'x'.repeat(300_000) })));

test('an edge that sends much, on many streams, does not hold up the records of another', async () => {
  const much = Array.from({ length: 5 }, () => store('edg_much', large(13)));
  await store('edg_little', records(1));
  expect(await stored('edg_much')).toBeLessThan(30);
  await Promise.all(much);
  expect(await stored('edg_much')).toBe(65);
});

test('what the database did not take in time is written in smaller parts, by their size', async () => {
  const own = new RecordWriter(database);
  const batch = RecordRows.of('edg_slow', large(13));
  await database.ordinary.query('alter table access_record_head rename to away');
  await expect(own.store(batch)).rejects.toThrow();
  await database.ordinary.query('alter table away rename to access_record_head');
  expect((await own.store(batch)).known.size).toBe(0);
  const { rows } = await database.ordinary.query<{ transactions: string; records: string }>(
    `select count(distinct xmin::text) as transactions, count(*) as records
      from access_records where edge_id = 'edg_slow'`,
  );
  expect(rows).toEqual([{ transactions: '2', records: '13' }]);
});

test('of a batch that fails in the middle it is told what is stored', () => {
  const batch = records(5);
  const told: (readonly ReceivedRecord[])[] = [];
  const failed = (_: unknown, already: readonly ReceivedRecord[]) => void told.push(already);
  const waiting = new WaitingBatch(RecordRows.of('edg_a', batch), {
    stored: () => undefined,
    failed,
  });
  expect(waiting.take({ records: 3, bytes: 1_000_000 }).records).toEqual(batch.slice(0, 3));
  waiting.stored({ known: new Set(batch.slice(0, 1)), unstorable: 0 });
  expect(waiting.take({ records: 9, bytes: 1 }).records).toEqual(batch.slice(3, 4));
  waiting.failed(new Error('away'));
  expect(told).toEqual([batch.slice(1, 3)]);
});
