import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedShardError } from './errors.ts';
import { KeyedRows } from './keyed-rows.ts';

const rows = fc.array(
  fc.tuple(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.uint8Array({ maxLength: 20 })),
  { maxLength: 8 },
);

function keyedRows(entries: readonly (readonly [string, Uint8Array])[]): KeyedRows {
  const keyed = new KeyedRows();
  for (const [key, bytes] of entries) keyed.put(key, bytes);
  return keyed;
}

describe('rows by key', () => {
  it('hold what a map would hold, with one digest and one encoding whatever their history', () => {
    fc.assert(
      fc.property(rows, (entries) => {
        const keyed = keyedRows(entries);
        const model = new Map(entries);
        expect(keyed.size).toBe(model.size);
        for (const [key, bytes] of keyed.entries())
          expect([...bytes]).toEqual([...(model.get(key) ?? [])]);
        const again = keyedRows([...model].toReversed());
        expect(again.digest()).toEqual(keyed.digest());
        expect(again.encode()).toEqual(keyed.encode());
        for (const key of model.keys()) expect(again.delete(key)).toBe(true);
        expect(again.digest()).toEqual(new KeyedRows().digest());
      }),
    );
  });

  it('are the same after they were encoded and loaded', () => {
    fc.assert(
      fc.property(rows, (entries) => {
        const keyed = keyedRows(entries);
        const loaded = keyedRows([['gone', new Uint8Array(3)]]);
        loaded.load(keyed.encode());
        expect(new Map(loaded.entries())).toEqual(new Map(keyed.entries()));
        expect(loaded.digest()).toEqual(keyed.digest());
      }),
    );
  });

  it('refuse bytes with any bit turned, or load rows of another digest', () => {
    const keyed = keyedRows([
      ['bundle:1', Buffer.from('abc')],
      ['release:x', new Uint8Array(8)],
    ]);
    const bytes = keyed.encode();
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const turned = Uint8Array.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const loaded = new KeyedRows();
      try {
        loaded.load(turned);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedShardError);
        expect(loaded.size).toBe(0);
        continue;
      }
      expect(loaded.shardDigest()).not.toEqual(keyed.shardDigest());
    }
  });

  it('refuse bytes that are cut off, longer, or have rows out of order or twice', () => {
    const keyed = keyedRows([
      ['a', new Uint8Array([1])],
      ['b', new Uint8Array([2])],
    ]);
    const bytes = Uint8Array.from(keyed.encode());
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => new KeyedRows().load(bytes.subarray(0, length))).toThrow(MalformedShardError);
    expect(() => new KeyedRows().load(Buffer.concat([bytes, Buffer.alloc(4)]))).toThrow(
      MalformedShardError,
    );
    const front = bytes.slice(0, 8);
    const [a, b] = [bytes.slice(8, 24), bytes.slice(24)];
    for (const order of [
      [b, a],
      [a, a],
    ])
      expect(() => new KeyedRows().load(Buffer.concat([front, ...order]))).toThrow(
        MalformedShardError,
      );
  });
});
