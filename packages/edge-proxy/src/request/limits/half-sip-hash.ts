/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein; the reference implementation is in
 * the public domain), over the UTF-16 units of a text, low byte first. Clients choose their addresses,
 * so a hash without a secret would let them choose whose bucket they fall into.
 */

const outputMark = 0xee;
const secondHalfMark = 0xdd;

/** The four words of the state; only ever used within one call. */
const state = new Int32Array(4);

/** 64 bits that nobody can foretell who does not know the key. */
export function halfSipHash(key0: number, key1: number, text: string): bigint {
  state[0] = key0;
  state[1] = key1 ^ outputMark;
  state[2] = 0x6c796765 ^ key0;
  state[3] = 0x74656462 ^ key1;
  const { length } = text;
  const whole = length & ~1;
  for (let at = 0; at < whole; at += 2) {
    absorb(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
  }
  // The last word has the length in bytes on top.
  absorb((length << 25) | (whole === length ? 0 : text.charCodeAt(whole)));
  state[2] = word(2) ^ outputMark;
  rounds(4);
  const low = word(1) ^ word(3);
  state[1] = word(1) ^ secondHalfMark;
  rounds(4);
  const high = word(1) ^ word(3);
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function word(at: 0 | 1 | 2 | 3): number {
  return state[at] ?? 0;
}

function absorb(message: number): void {
  state[3] = word(3) ^ message;
  rounds(2);
  state[0] = word(0) ^ message;
}

function rounds(count: number): void {
  let v0 = word(0);
  let v1 = word(1);
  let v2 = word(2);
  let v3 = word(3);
  for (let round = 0; round < count; round += 1) {
    v0 = (v0 + v1) | 0;
    v1 = rotate(v1, 5) ^ v0;
    v0 = rotate(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotate(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotate(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotate(v1, 13) ^ v2;
    v2 = rotate(v2, 16);
  }
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
