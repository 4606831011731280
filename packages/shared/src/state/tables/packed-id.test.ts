import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../../ids.ts';
import { packedWords, packId, unpackId } from './packed-id.ts';
import { compactId, sha256Hex } from './testing/arbitraries.ts';

const words = new Uint32Array(256);
const bytes = Buffer.from(words.buffer);

function pack(text: string): { bits: number; count: number; back: string } {
  words.fill(0xffffffff);
  const bits = packId(text, words, bytes, 1);
  return { bits, count: packedWords(bits & 15, words, 1), back: unpackId(bits, words, bytes, 1) };
}

describe('packed strings', () => {
  it('hold an id of newId in four words, whatever its letters', () => {
    fc.assert(
      fc.property(compactId, (id) => {
        const { bits, count, back } = pack(id);
        expect([bits & 15, count, back]).toEqual([expect.toSatisfy((form) => form < 10), 4, id]);
      }),
    );
    expect(pack(newId('edg')).count).toBe(4);
  });

  it('hold a SHA-256 in lower-case hex in eight words', () => {
    fc.assert(
      fc.property(sha256Hex, (sha256) => {
        expect(pack(sha256)).toEqual({ bits: 14, count: 8, back: sha256 });
      }),
    );
  });

  it('hold any other string as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        expect(pack(text).back).toBe(text);
      }),
    );
  });

  it.each([
    `dev_${'i'.repeat(26)}`,
    `dev-${'0'.repeat(26)}`,
    `xyz_${'0'.repeat(26)}`,
    `dev_${'0'.repeat(25)}é`,
    `dev_${'0'.repeat(25)}\u{10030}`.slice(0, 30),
    `ĉev_${'0'.repeat(26)}`,
    'A'.repeat(64),
    'g'.repeat(64),
  ])('do not take %j for what it nearly is', (text) => {
    expect(pack(text).bits & 15).toBe(15);
    expect(pack(text).back).toBe(text.isWellFormed() ? text : text.toWellFormed());
  });

  it('refuse what is longer than 512 bytes', () => {
    expect(pack('x'.repeat(512)).back).toHaveLength(512);
    expect(packId('x'.repeat(513), words, bytes, 1)).toBe(-1);
    expect(packId('ü'.repeat(257), words, bytes, 1)).toBe(-1);
  });
});
