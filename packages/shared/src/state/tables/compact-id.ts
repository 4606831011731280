import type { IdPrefix } from '../../ids.ts';

/*
 * An id of newId in few words: a form for its prefix, and its 26 letters as 130 bits, the first
 * letter uppermost. The upper two of them go with the form, the others are four words.
 */
const firstForm = 1;
const prefixes: readonly IdPrefix[] = [
  'usr',
  'grp',
  'dev',
  'ses',
  'edg',
  'rev',
  'tok',
  'req',
  'aud',
];
const formOfPrefix = new Int8Array(1 << 15);
/** Four characters of each form, the underscore included. */
const prefixCode = new Uint8Array((prefixes.length + 1) * 4);
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
/** Value of each character as a letter of an id; -1: it is none. */
const letterValue = new Int8Array(1 << 16).fill(-1);
const letterCode = new Uint8Array(32);
for (let i = 0; i < 32; i += 1) {
  letterValue[alphabet.charCodeAt(i)] = i;
  letterCode[i] = alphabet.charCodeAt(i);
}
for (const [index, prefix] of prefixes.entries()) {
  formOfPrefix[prefixIndex(prefix)] = firstForm + index;
  prefixCode.set(Buffer.from(`${prefix}_`), (firstForm + index) * 4);
}

function prefixIndex(text: string): number {
  return (
    ((text.charCodeAt(0) & 31) << 10) | ((text.charCodeAt(1) & 31) << 5) | (text.charCodeAt(2) & 31)
  );
}

/** Whether the form is that of an id. */
export function isCompact(form: number): boolean {
  return form >= firstForm && form <= prefixes.length;
}

/** Packs the id at `at`. Returns its form and, four bits up, its first two bits; -1: it is none. */
export function packCompact(text: string, words: Uint32Array, at: number): number {
  const form = formOfPrefix[prefixIndex(text)] as number;
  const prefix = form << 2;
  if (
    form === 0 ||
    text.charCodeAt(0) !== prefixCode[prefix] ||
    text.charCodeAt(1) !== prefixCode[prefix + 1] ||
    text.charCodeAt(2) !== prefixCode[prefix + 2] ||
    text.charCodeAt(3) !== prefixCode[prefix + 3]
  )
    return -1;
  const a = sixLetters(text, 4);
  const b = sixLetters(text, 10);
  const c = sixLetters(text, 16);
  const d = sixLetters(text, 22);
  const e = (letter(text, 28) << 5) | letter(text, 29);
  if ((a | b | c | d | e) < 0) return -1;
  words[at] = (a << 4) | (b >>> 26);
  words[at + 1] = (b << 6) | (c >>> 24);
  words[at + 2] = (c << 8) | (d >>> 22);
  words[at + 3] = (d << 10) | e;
  return form | ((a >>> 28) << 4);
}

/** 30 bits, the first letter uppermost; below 0: one of them is no letter of an id. */
function sixLetters(text: string, i: number): number {
  return (
    (letter(text, i) << 25) |
    (letter(text, i + 1) << 20) |
    (letter(text, i + 2) << 15) |
    (letter(text, i + 3) << 10) |
    (letter(text, i + 4) << 5) |
    letter(text, i + 5)
  );
}

function letter(text: string, i: number): number {
  return letterValue[text.charCodeAt(i)] as number;
}

/** The id of this form, of these first two bits, and of the words at `at`. */
export function unpackCompact(form: number, high: number, words: Uint32Array, at: number): string {
  const prefix = form << 2;
  const w0 = words[at] as number;
  const w1 = words[at + 1] as number;
  const w2 = words[at + 2] as number;
  const w3 = words[at + 3] as number;
  const a = (high << 28) | (w0 >>> 4);
  const b = (w0 << 26) | (w1 >>> 6);
  const c = (w1 << 24) | (w2 >>> 8);
  const d = (w2 << 22) | (w3 >>> 10);
  // One call with all letters makes a flat string, which is read fast afterwards.
  return String.fromCharCode(
    prefixCode[prefix] as number,
    prefixCode[prefix + 1] as number,
    prefixCode[prefix + 2] as number,
    prefixCode[prefix + 3] as number,
    code(a >>> 25),
    code(a >>> 20),
    code(a >>> 15),
    code(a >>> 10),
    code(a >>> 5),
    code(a),
    code(b >>> 25),
    code(b >>> 20),
    code(b >>> 15),
    code(b >>> 10),
    code(b >>> 5),
    code(b),
    code(c >>> 25),
    code(c >>> 20),
    code(c >>> 15),
    code(c >>> 10),
    code(c >>> 5),
    code(c),
    code(d >>> 25),
    code(d >>> 20),
    code(d >>> 15),
    code(d >>> 10),
    code(d >>> 5),
    code(d),
    code(w3 >>> 5),
    code(w3),
  );
}

function code(bits: number): number {
  return letterCode[bits & 31] as number;
}
