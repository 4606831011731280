import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import { MalformedShardError } from './errors.ts';
import { rowLanes } from './lane.ts';
import { createLaneTable, type LaneTable, type RowOp } from './lane-table.ts';
import { opOf } from './testing/arbitraries.ts';
import { copyOf, encodeAll } from './testing/copies.ts';

const session = (sid: string): RowOp => ({ op: 'ended_session', sid, expiresAtMs: 2 ** 33 });

/** The shard with most rows, and its canonical bytes. */
function fullestShard(table: LaneTable): { index: number; bytes: Uint8Array } {
  const all = encodeAll(table);
  const index = all.reduce(
    (best, { length }, at) => (length > (all[best]?.length ?? 0) ? at : best),
    0,
  );
  return { index, bytes: all[index] ?? new Uint8Array() };
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

function refuses(table: LaneTable, index: number, content: Uint8Array): void {
  const digest = createLaneTable(table.lane).digest();
  const copy = createLaneTable(table.lane);
  const staged = copy.stage();
  expect(() => staged.put(index, content)).toThrow(MalformedShardError);
  staged.commit();
  expect(copy.digest()).toEqual(digest);
}

describe('the canonical bytes of a shard', () => {
  it.each(rowLanes)('of %s give the same table again', (lane) => {
    fc.assert(
      fc.property(fc.array(opOf[lane], { maxLength: 20 }), (ops) => {
        const table = createLaneTable(lane);
        table.apply(ops);
        const copy = copyOf(table);
        expect(copy.digest()).toEqual(table.digest());
        expect(copy.rows).toBe(table.rows);
        expect(encodeAll(copy)).toEqual(encodeAll(table));
        // What is loaded can be changed like any other.
        table.apply(ops.toReversed());
        copy.apply(ops.toReversed());
        expect(copy.digest()).toEqual(table.digest());
      }),
      { numRuns: 25 },
    );
  });

  it.each(rowLanes)('of %s with any bit turned are refused or have another digest', (lane) => {
    fc.assert(
      fc.property(fc.array(opOf[lane], { minLength: 1, maxLength: 4 }), fc.nat(), (ops, turned) => {
        const table = createLaneTable(lane);
        table.apply(ops);
        const { index, bytes } = fullestShard(table);
        for (let bit = turned % 7; bit < bytes.length * 8; bit += 7) {
          const copy = bytes.slice();
          copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          const staged = createLaneTable(lane).stage();
          try {
            staged.put(index, copy);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedShardError);
            continue;
          }
          expect(staged.shardDigest(index)).not.toEqual(table.shardDigest(index));
        }
      }),
      { numRuns: 12 },
    );
  });

  it.each([
    [
      'user',
      {
        op: 'user',
        id: 'usr_a',
        email: 'a@b',
        displayName: 'Ä',
        status: 'active',
        groups: ['g'],
        employment: { class: 'contractor', endsAtMs: 2 ** 41 },
      },
    ],
    [
      'device',
      {
        op: 'device',
        id: 'dev_a',
        name: 'laptop',
        managed: true,
        ownerUserId: null,
        posture: [
          { name: 'disk-encrypted', value: true, observedAtMs: 1 },
          { name: 'os', value: 'macos', observedAtMs: 2 },
          { name: 'patch-age', value: 1.5, observedAtMs: 3 },
        ],
      },
    ],
  ] as const)('of a %s cut off anywhere are refused', (_kind, op) => {
    const table = createLaneTable('directory');
    table.apply([op]);
    const { index, bytes } = fullestShard(table);
    for (let length = 0; length < bytes.length; length += 1)
      refuses(table, index, bytes.subarray(0, length));
  });

  it('with something behind them are refused', () => {
    const table = createLaneTable('revoke');
    table.apply([session('ses_a')]);
    const { index, bytes } = fullestShard(table);
    refuses(table, index, Buffer.concat([bytes, Buffer.alloc(4)]));
    refuses(table, index, Buffer.concat([bytes, Buffer.alloc(1)]));
  });

  it('of another shard, lane or format are refused', () => {
    const table = createLaneTable('revoke');
    table.apply([session('ses_a')]);
    const { index, bytes } = fullestShard(table);
    refuses(table, (index + 1) % 256, bytes);
    refuses(createLaneTable('signals'), index, bytes);
    refuses(table, 256, bytes);
    refuses(table, -1, bytes);
    const other = words(bytes);
    other[0] = 0;
    refuses(table, index, new Uint8Array(other.buffer));
    const moved = words(bytes);
    moved[1] = 1 | (((index + 1) % 256) << 8);
    refuses(table, (index + 1) % 256, new Uint8Array(moved.buffer));
  });

  it('with rows out of order or twice are refused', () => {
    const table = createLaneTable('revoke');
    while (table.rows < 600) table.apply([session(newId('ses'))]);
    const { index, bytes } = fullestShard(table);
    const all = words(bytes);
    const rowWords = (all.length - 3) / (all[2] ?? 1);
    expect(rowWords).toBe(6);
    const [first, second] = [all.slice(3, 9), all.slice(9, 15)];
    const swapped = all.slice();
    swapped.set(second, 3);
    swapped.set(first, 9);
    refuses(table, index, new Uint8Array(swapped.buffer));
    const twice = all.slice();
    twice.set(first, 9);
    refuses(table, index, new Uint8Array(twice.buffer));
  });

  it('with more rows than there are bytes are refused without taking memory for them', () => {
    const table = createLaneTable('revoke');
    table.apply([session('ses_a')]);
    const { index, bytes } = fullestShard(table);
    for (const rows of [0, 2, 2 ** 20, 2 ** 32 - 1]) {
      const more = words(bytes);
      more[2] = rows;
      refuses(table, index, new Uint8Array(more.buffer));
    }
  });

  it('may hold a row of one word', () => {
    const table = createLaneTable('revoke');
    const block = { op: 'block', revocationId: '', kind: 'everyone', subjectId: '' } as const;
    table.apply([{ ...block, expiresAtMs: null }]);
    expect(copyOf(table).digest()).toEqual(table.digest());
  });

  it('with a generation of 0 are refused: it would be no row', () => {
    const table = createLaneTable('revoke');
    table.apply([{ op: 'generation', scope: 'global', subjectId: '', value: 1 }]);
    const { index, bytes } = fullestShard(table);
    const zero = words(bytes);
    expect(zero[4]).toBe(1);
    zero[4] = 0;
    refuses(table, index, new Uint8Array(zero.buffer));
  });

  it('are all put in place together, or none when they are dropped', () => {
    const source = createLaneTable('revoke');
    for (let i = 0; i < 50; i += 1) source.apply([session(newId('ses'))]);
    const table = createLaneTable('revoke');
    const staged = table.stage();
    for (const [index, bytes] of encodeAll(source).entries()) staged.put(index, bytes);
    expect(table.rows).toBe(0);
    staged.drop();
    staged.commit();
    expect(table.rows).toBe(0);
  });

  it('replace only the shards that they are of', () => {
    const source = createLaneTable('revoke');
    const target = createLaneTable('revoke');
    source.apply([session('ses_a'), session('ses_b')]);
    target.apply([session('ses_b'), session('ses_c')]);
    const staged = target.stage();
    for (const [index, bytes] of encodeAll(source).entries())
      if (Buffer.compare(source.shardDigest(index), target.shardDigest(index)) !== 0)
        staged.put(index, bytes);
    staged.commit();
    expect(target.digest()).toEqual(source.digest());
    expect(target.rows).toBe(2);
  });
});
