import { endianness } from 'node:os';

// Rows are read as 32-bit words and their digests are defined over little-endian bytes.
if (endianness() !== 'LE') throw new Error('the tables need a little-endian processor');

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

/**
 * MurmurHash3_x86_128 with seed 0 over `count` words, taken as little-endian bytes, with `first` in
 * the place of the first of them. Puts the four words of the hash into `out`. It spreads keys and
 * notices divergence; it protects nothing.
 */
export function murmur3(
  first: number,
  words: Uint32Array,
  at: number,
  count: number,
  out: Uint32Array,
): void {
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  let i = at;
  for (const end = at + (count & ~3); i < end; i += 4) {
    h1 ^= mix(i === at ? first : (words[i] as number), c1, 15, c2);
    h1 = (Math.imul((((h1 << 19) | (h1 >>> 13)) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= mix(words[i + 1] as number, c2, 16, c3);
    h2 = (Math.imul((((h2 << 17) | (h2 >>> 15)) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= mix(words[i + 2] as number, c3, 17, c4);
    h3 = (Math.imul((((h3 << 15) | (h3 >>> 17)) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= mix(words[i + 3] as number, c4, 18, c1);
    h4 = (Math.imul((((h4 << 13) | (h4 >>> 19)) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  const rest = count & 3;
  if (rest > 2) h3 ^= mix(words[i + 2] as number, c3, 17, c4);
  if (rest > 1) h2 ^= mix(words[i + 1] as number, c2, 16, c3);
  if (rest > 0) h1 ^= mix(i === at ? first : (words[i] as number), c1, 15, c2);

  const bytes = count << 2;
  h1 ^= bytes;
  h2 ^= bytes;
  h3 ^= bytes;
  h4 ^= bytes;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = finish((h2 + h1) | 0);
  h3 = finish((h3 + h1) | 0);
  h4 = finish((h4 + h1) | 0);
  h1 = (finish(h1) + h2 + h3 + h4) | 0;
  out[0] = h1;
  out[1] = h2 + h1;
  out[2] = h3 + h1;
  out[3] = h4 + h1;
}

function mix(k: number, first: number, turn: number, second: number): number {
  const m = Math.imul(k, first);
  return Math.imul((m << turn) | (m >>> (32 - turn)), second);
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
