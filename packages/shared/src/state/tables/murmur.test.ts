import { describe, expect, it } from 'vitest';
import { murmur3 } from './murmur.ts';

function hex(text: string): string {
  const bytes = Buffer.from(text);
  const words = new Uint32Array(bytes.length / 4);
  new Uint8Array(words.buffer).set(bytes);
  const out = new Uint32Array(4);
  murmur3(words[0] ?? 0, words, 0, words.length, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0')).join('');
}

describe('the hash of rows and keys', () => {
  // Known answers of MurmurHash3_x86_128 with seed 0.
  it.each([
    ['', '00000000000000000000000000000000'],
    ['0123', 'dc378fea485d3536485d3536485d3536'],
    ['01234567', 'aa22bf849216040263b83c5e63b83c5e'],
    ['0123456789ab', 'cfaa93f9b6982a7e53412b5d04d3d08f'],
    ['0123456789abcdef', 'fb7d440936aed30a48ad1d9b572b3bfd'],
    ['這個有效', '5ee7e60516f613aa76048cdc7a1493e3'],
    ['utf-8 supported 🌈', '796479ed1bbff85b29e39731d1967a07'],
  ])('is MurmurHash3_x86_128 of %j', (text, expected) => {
    expect(hex(text)).toBe(expected);
  });

  it('takes another first word in the place of the one that is there', () => {
    const words = new Uint32Array([7, 1, 2, 3, 4]);
    const [replaced, plain] = [new Uint32Array(4), new Uint32Array(4)];
    murmur3(9, words, 0, 5, replaced);
    words[0] = 9;
    murmur3(9, words, 0, 5, plain);
    expect(replaced).toEqual(plain);
  });
});
