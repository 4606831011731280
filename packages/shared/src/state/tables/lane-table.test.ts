import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import type { Device, User } from '../model.ts';
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
  posture: [],
});
type Fact = Device['posture'][number];
const fact = (name: string, value: Fact['value']): Fact => ({ name, value, observedAtMs: 1 });
const observed = (posture: readonly Fact[]): RowOp => ({
  op: 'device',
  id: 'dev_b',
  name: 'laptop',
  managed: true,
  ownerUserId: null,
  posture,
});
const ids = (count: number): string[] => Array.from({ length: count }, () => newId('dev'));

function expectRowsOf(table: LaneTable, model: PlainModel): void {
  for (const op of model.values()) expect(table.rowOf(op)).toEqual(op);
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
      device('dev_b', 'x'.repeat(2_048)),
      observed(Array.from({ length: 33 }, (_, i) => fact(`fact-${i + 10}`, true))),
      observed([fact('b', true), fact('a', true)]),
      observed([fact('a', true), fact('a', false)]),
      observed([fact('', true)]),
      observed([fact('x'.repeat(64), true)]),
      observed([fact('os', 'x'.repeat(1_025))]),
      observed([fact('os', Number.POSITIVE_INFINITY)]),
      observed([fact('os', Number.NaN)]),
      {
        op: 'user',
        id: 'usr_a',
        email: '',
        displayName: '',
        status: 'active',
        groups: Array.from({ length: 4_097 }, () => 'g'),
        employment: null,
      },
      {
        op: 'user',
        id: 'usr_a',
        email: '',
        displayName: '',
        status: 'active',
        groups: Array.from({ length: 100 }, () => 'g'.repeat(4_000)),
        employment: null,
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

  it('holds a device with as many posture facts, each as large, as there may be', () => {
    const table = createLaneTable('directory');
    const names = Array.from({ length: 32 }, (_, i) => String(i + 10).padEnd(63, 'x'));
    const op = observed(names.map((name) => fact(name, 'Ä'.repeat(512))));
    table.apply([op]);
    expect(allOps(table)).toEqual([op]);
  });

  it('takes no room for what is not known of a device or a user', () => {
    const bytesOf = (op: RowOp): number => {
      const table = createLaneTable('directory');
      table.apply([op]);
      return encodeAll(table).reduce((sum, { length }) => sum + length, 0);
    };
    const user = (employment: User['employment']): RowOp => {
      const texts = { email: 'a@b', displayName: 'A', groups: ['g'] };
      return { op: 'user', id: 'usr_a', status: 'active', ...texts, employment };
    };
    const known = bytesOf(user({ class: 'employee', endsAtMs: null }));
    expect(known).toBe(bytesOf(user(null)));
    expect(bytesOf(user({ class: 'contractor', endsAtMs: 1 }))).toBe(known + 8);
    // A word of its length; head, instant and name of the fact.
    expect(bytesOf(observed([fact('disk', true)]))).toBe(bytesOf(observed([])) + 4 + 16);
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
