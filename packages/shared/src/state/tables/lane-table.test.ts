import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import { TableLimitError } from './errors.ts';
import { rowLanes } from './lane.ts';
import {
  createCarriedTable,
  createLaneTable,
  type LaneTable,
  type RowOp,
  shardsPerLane,
} from './lane-table.ts';
import { opOf } from './testing/arbitraries.ts';
import { allOps, encodeAll } from './testing/copies.ts';
import { applyToModel, nameOf, type PlainModel } from './testing/plain-model.ts';

const device = (id: string, name = 'laptop'): RowOp => ({
  op: 'device',
  id,
  name,
  managed: true,
  ownerUserId: null,
});
const ids = (count: number): string[] => Array.from({ length: count }, () => newId('dev'));

function expectRowsOf(table: LaneTable, model: PlainModel): void {
  expect(new Map(allOps(table).map((op) => [nameOf(op), op]))).toEqual(model);
  expect(table.rows).toBe(model.size);
}

describe.each(rowLanes)('the table of the lane %s', (lane) => {
  it('holds what a plain map would hold', () => {
    fc.assert(
      fc.property(fc.array(fc.array(opOf[lane], { maxLength: 6 }), { maxLength: 12 }), (frames) => {
        const table = createLaneTable(lane);
        const model: PlainModel = new Map();
        for (const ops of frames) {
          table.apply(ops);
          for (const op of ops) applyToModel(model, op);
        }
        expectRowsOf(table, model);
      }),
      { numRuns: 60 },
    );
  });

  it('gives the same bytes and digest for the same rows, however they came', () => {
    fc.assert(
      fc.property(
        fc.array(opOf[lane], { maxLength: 30 }),
        fc.integer({ min: 1, max: 9 }),
        (ops, batch) => {
          const first = createLaneTable(lane);
          for (let at = 0; at < ops.length; at += batch) first.apply(ops.slice(at, at + batch));
          const second = createLaneTable(lane);
          second.apply(allOps(first).reverse());
          expect(second.digest()).toEqual(first.digest());
          expect(encodeAll(second)).toEqual(encodeAll(first));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('has the digest of an empty table again when every row is gone', () => {
    fc.assert(
      fc.property(fc.array(opOf[lane], { maxLength: 20 }), (ops) => {
        const table = createLaneTable(lane);
        table.apply(ops);
        table.apply(allOps(table).map(removalOf));
        expect(table.rows).toBe(allOps(table).length);
        const rest = allOps(table);
        expect(rest.every((op) => op.op === 'generation')).toBe(true);
        if (rest.length === 0) expect(table.digest()).toEqual(createLaneTable(lane).digest());
      }),
      { numRuns: 40 },
    );
  });
});

function removalOf(op: RowOp): RowOp {
  switch (op.op) {
    case 'ended_session':
      return { op: 'forgotten_session', sid: op.sid };
    case 'block':
      return { ...op, op: 'lifted_block' };
    case 'signal':
      return { ...op, op: 'deleted_signal' };
    case 'user':
      return { op: 'deleted_user', id: op.id };
    case 'device':
      return { op: 'deleted_device', id: op.id };
    case 'device_certificate':
      return { op: 'deleted_device_certificate', sha256: op.sha256 };
    default:
      return op;
  }
}

describe('a table', () => {
  it('keeps its rows when it grows, and gives memory back when they go', () => {
    const table = createLaneTable('directory');
    const many = ids(20_000);
    const empty = table.offHeapBytes();
    for (let at = 0; at < many.length; at += 1_000)
      table.apply(many.slice(at, at + 1_000).map((id) => device(id)));
    const full = table.offHeapBytes();
    expect(table.rows).toBe(many.length);
    expect(new Set(allOps(table).map((op) => (op.op === 'device' ? op.id : '')))).toEqual(
      new Set(many),
    );
    for (let at = 0; at < many.length; at += 1_000)
      table.apply(many.slice(at, at + 1_000).map((id) => ({ op: 'deleted_device', id })));
    expect(table.rows).toBe(0);
    expect(table.digest()).toEqual(createLaneTable('directory').digest());
    expect(table.offHeapBytes() - empty).toBeLessThan((full - empty) / 2);
  });

  it('stays small when the same rows change their length again and again', () => {
    const table = createLaneTable('directory');
    const few = ids(500);
    table.apply(few.map((id) => device(id)));
    const before = table.offHeapBytes();
    for (let round = 0; round < 50; round += 1)
      table.apply(few.map((id) => device(id, 'x'.repeat(round % 40))));
    expect(table.offHeapBytes()).toBeLessThan(before * 4);
    expect(table.rows).toBe(few.length);
  });

  it('only ever raises a generation', () => {
    const table = createLaneTable('revoke');
    const raise = (value: number): RowOp => ({
      op: 'generation',
      scope: 'user',
      subjectId: 'usr_a',
      value,
    });
    table.apply([raise(3)]);
    const digest = table.digest();
    table.apply([raise(2), raise(3), raise(0)]);
    expect(allOps(table)).toEqual([raise(3)]);
    expect(table.digest()).toEqual(digest);
  });

  it('of carried revocations sets a generation, and takes it away by 0', () => {
    const table = createCarriedTable();
    const set = (value: number): RowOp => ({
      op: 'generation',
      scope: 'device',
      subjectId: 'dev_a',
      value,
    });
    table.apply([set(3)]);
    table.apply([set(2)]);
    expect(allOps(table)).toEqual([set(2)]);
    table.apply([set(0)]);
    expect(table.rows).toBe(0);
  });

  it('keeps the revocations of one subject apart, and lifts them one by one', () => {
    const table = createLaneTable('revoke');
    const block = (revocationId: string, expiresAtMs: number | null): RowOp => ({
      op: 'block',
      revocationId,
      kind: 'user',
      subjectId: 'usr_a',
      expiresAtMs,
    });
    table.apply([block('rev_1', null), block('rev_2', 5), block('rev_1', 7)]);
    expect(table.rows).toBe(2);
    table.apply([{ op: 'lifted_block', revocationId: 'rev_2', kind: 'user', subjectId: 'usr_a' }]);
    expect(allOps(table)).toEqual([block('rev_1', 7)]);
    table.apply([
      { op: 'lifted_block', revocationId: 'rev_1', kind: 'device', subjectId: 'usr_a' },
    ]);
    expect(table.rows).toBe(1);
  });

  it('names the rows of one kind alone when it is asked for them', () => {
    const table = createLaneTable('revoke');
    table.apply([
      { op: 'ended_session', sid: 'ses_1', expiresAtMs: 1 },
      { op: 'generation', scope: 'global', subjectId: '', value: 4 },
    ]);
    const sessions = Array.from({ length: shardsPerLane }, (_, index) => [
      ...table.shardOps(index, 'ended_session'),
    ]).flat();
    expect(sessions).toEqual([{ op: 'ended_session', sid: 'ses_1', expiresAtMs: 1 }]);
  });

  it('refuses a row beyond its limits and stays as it was', () => {
    const table = createLaneTable('directory');
    table.apply([device('dev_a')]);
    const digest = table.digest();
    const refused: RowOp[] = [
      device('x'.repeat(513)),
      device('dev_b', 'x'.repeat(4_096)),
      {
        op: 'user',
        id: 'usr_a',
        email: '',
        displayName: '',
        status: 'active',
        groups: Array.from({ length: 4_097 }, () => 'g'),
      },
      {
        op: 'user',
        id: 'usr_a',
        email: '',
        displayName: '',
        status: 'active',
        groups: Array.from({ length: 100 }, () => 'g'.repeat(4_000)),
      },
    ];
    for (const op of refused) {
      expect(() => table.apply([device('dev_c'), op])).toThrow(TableLimitError);
      expect(table.rows).toBe(1);
      expect(table.digest()).toEqual(digest);
    }
    table.apply([device('dev_c')]);
    expect(table.rows).toBe(2);
  });

  it('refuses an op of another lane', () => {
    const table = createLaneTable('signals');
    expect(() => table.apply([device('dev_a')])).toThrow(TypeError);
    expect(table.rows).toBe(0);
  });

  it('takes an instant beyond what a row holds for the last that it does', () => {
    const table = createLaneTable('revoke');
    table.apply([{ op: 'ended_session', sid: 'ses_1', expiresAtMs: Number.MAX_SAFE_INTEGER }]);
    expect(allOps(table)).toEqual([
      { op: 'ended_session', sid: 'ses_1', expiresAtMs: 2 ** 45 - 1 },
    ]);
  });

  it('counts the changes of each shard', () => {
    const table = createLaneTable('directory');
    const versions = (): number[] =>
      Array.from({ length: shardsPerLane }, (_, index) => table.shardVersion(index));
    const before = versions();
    table.apply([device('dev_a')]);
    const changed = versions().flatMap((version, index) =>
      version > (before[index] ?? 0) ? [index] : [],
    );
    expect(changed).toHaveLength(1);
    expect(table.shardRows(changed[0] ?? -1)).toBe(1);
  });
});
