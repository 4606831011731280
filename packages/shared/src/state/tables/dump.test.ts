import { expect, test } from 'vitest';
import { MalformedShardError } from './errors.ts';
import { createLaneTable, type LaneTable, shardsPerLane } from './lane-table.ts';

const indexes = [...Array(shardsPerLane).keys()];

/** A table with a history: rows that were replaced and removed leave gaps. */
function sampleTable(): LaneTable {
  const table = createLaneTable('directory');
  for (let i = 0; i < 3_000; i += 1) {
    table.apply([
      {
        op: 'device',
        id: `dev_${i}`,
        name: `laptop-${i}`,
        managed: true,
        ownerUserId: null,
        posture: [],
      },
    ]);
    if (i % 3 === 0) table.apply([{ op: 'deleted_device', id: `dev_${i - 7}` }]);
    if (i % 5 === 0) {
      const name = `a longer name than before ${i}`;
      table.apply([
        { op: 'device', id: `dev_${i}`, name, managed: false, ownerUserId: 'usr_a', posture: [] },
      ]);
    }
  }
  return table;
}

function restored(table: LaneTable): LaneTable {
  const other = createLaneTable(table.lane);
  const staged = other.stage();
  for (const index of indexes) staged.restore(index, table.dumpShard(index));
  staged.commit();
  return other;
}

function expectSame(a: LaneTable, b: LaneTable): void {
  expect(a.rows).toBe(b.rows);
  expect(a.digest()).toEqual(b.digest());
  for (const index of indexes) expect(a.encodeShard(index)).toEqual(b.encodeShard(index));
}

test('a dump gives back the same rows and digests', () => {
  const table = sampleTable();
  expectSame(restored(table), table);
});

test('what was restored can be changed as if it had never been away', () => {
  const table = sampleTable();
  const other = restored(table);
  for (const one of [table, other]) {
    for (let i = 0; i < 3_000; i += 2) one.apply([{ op: 'deleted_device', id: `dev_${i}` }]);
    for (let i = 0; i < 500; i += 1) {
      const name = `again ${i}`;
      one.apply([
        { op: 'device', id: `dev_${i}`, name, managed: true, ownerUserId: null, posture: [] },
      ]);
    }
  }
  expectSame(other, table);
});

test('a dump does not change with the table', () => {
  const table = sampleTable();
  const index = indexes.find((one) => table.shardRows(one) > 0) ?? 0;
  const bytes = table.dumpShard(index);
  const before = Uint8Array.from(bytes);
  for (let i = 0; i < 3_000; i += 1) table.apply([{ op: 'deleted_device', id: `dev_${i}` }]);
  expect(bytes).toEqual(before);
});

test('a dump that is cut off, of another shard or of another lane is refused', () => {
  const table = sampleTable();
  const staged = createLaneTable('directory').stage();
  const bytes = table.dumpShard(3);
  expect(() => staged.restore(4, bytes)).toThrow(MalformedShardError);
  expect(() => createLaneTable('revoke').stage().restore(3, bytes)).toThrow(MalformedShardError);
  expect(() => staged.restore(3, table.encodeShard(3))).toThrow(MalformedShardError);
  expect(() => staged.restore(256, bytes)).toThrow(MalformedShardError);
  for (const length of [0, 4, 39, 40, bytes.length - 4, bytes.length - 1]) {
    expect(() => staged.restore(3, bytes.subarray(0, length))).toThrow(MalformedShardError);
  }
});
