import { expect, test } from 'vitest';
import { listRecordsAfter } from '../../store/access-records.ts';
import { type ReceivedRecord, rewritten } from '../../store/records/received.ts';
import { RecordRows } from '../../store/records/record-rows.ts';
import { testDatabase } from '../../testing/database.ts';
import { accessRecord } from '../../testing/records.ts';
import { RecordWriter } from './record-writer.ts';

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
