import { expect, test } from 'vitest';
import { listRecordsAfter } from '../../store/access-records.ts';
import { rewritten } from '../../store/records/received.ts';
import { testDatabase } from '../../testing/database.ts';
import { accessRecord } from '../../testing/records.ts';
import { RecordWriter } from './record-writer.ts';

const { database } = await testDatabase();
const writer = new RecordWriter(database);
const records = (count: number) => Array.from({ length: count }, () => rewritten(accessRecord()));
const stored = async (edgeId: string) =>
  (await listRecordsAfter(database.db, { edge: edgeId }, 0, 10_000)).length;

test('batches that wait at the same time are stored together, each in its order', async () => {
  const batches = Array.from({ length: 30 }, (_, index) => ({
    edgeId: `edg_${index}`,
    records: records(7),
  }));
  expect(await Promise.all(batches.map((batch) => writer.store(batch)))).toEqual(
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
    writer.store({ edgeId: 'edg_first', records: records(1) }),
    writer.store({ edgeId: 'edg_odd', records: [...records(5), broken, ...records(6)] }),
    writer.store({ edgeId: 'edg_more', records: records(4) }),
  ]);
  expect([good, odd, more]).toEqual([0, 1, 0]);
  expect([await stored('edg_first'), await stored('edg_odd'), await stored('edg_more')]).toEqual([
    1, 11, 4,
  ]);
});
