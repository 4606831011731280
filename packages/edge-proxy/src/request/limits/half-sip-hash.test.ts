import { expect, it } from 'vitest';
import { halfSipHash } from './half-sip-hash.ts';

/** Of the reference implementation: key 00 to 07, message 00 01 02 and on, by its length in bytes. */
const vectors: readonly (readonly [number, string])[] = [
  [0, '218d1f59b9b83cc8'],
  [2, '064f39ef7c50eb57'],
  [4, 'd5e78a175be52ea1'],
  [6, 'ce3e91358aa2bc25'],
  [8, 'edfee820bce4858c'],
  [10, '95b0469f06a6f2ee'],
  [12, '7bc71f9faef5c799'],
  [14, '3bb1a870eae8e658'],
  [62, 'f90b3ab572d46693'],
];

it.each(vectors)('gives what the reference gives for %i bytes', (length, expected) => {
  const units = Array.from({ length: length / 2 }, (_, at) => ((2 * at + 1) << 8) | (2 * at));
  const hash = Buffer.alloc(8);
  hash.writeBigInt64LE(halfSipHash(0x03020100, 0x07060504, String.fromCharCode(...units)));
  expect(hash.toString('hex')).toBe(expected);
});
