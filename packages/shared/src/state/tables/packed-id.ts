import { isCompact, packCompact, unpackCompact } from './compact-id.ts';
import { tableLimits } from './limits.ts';
import { encodeText, readText, wordsOf } from './text.ts';

/*
 * A string as 32-bit words, with six bits that say how: the form in the low four, and in the high
 * two the first bits of a compact id. One string has one packing.
 *   0       the empty string, no words
 *   1..9    an id of newId: its 26 letters are 130 bits, the last 128 of them in four words
 *   14      64 digits of lower-case hex: eight words, as the bytes they stand for
 *   15      anything else: its length in bytes, then UTF-8 filled up with zeros
 */
const emptyForm = 0;
const hexForm = 14;
const textForm = 15;

const hexValue = new Int8Array(1 << 16).fill(-1);
const hexCode = Buffer.from('0123456789abcdef');
for (let i = 0; i < 16; i += 1) hexValue[hexCode[i] as number] = i;

/** Words that a string of this form has at `at`; its first word must be there. */
export function packedWords(form: number, words: Uint32Array, at: number): number {
  if (isCompact(form)) return 4;
  if (form === hexForm) return 8;
  return form === textForm ? 1 + wordsOf(textLength(words, at)) : 0;
}

/** A reader may meet any word here. */
function textLength(words: Uint32Array, at: number): number {
  return Math.min(words[at] as number, tableLimits.idBytes);
}

/** Whether every word is right behind these six bits: there is nothing to check. */
export function isPlainForm(bits: number): boolean {
  const form = bits & 15;
  return bits === emptyForm || bits === hexForm || isCompact(form);
}

/**
 * Packs the string into `words` at `at`, which needs room for 1 + `tableLimits.idBytes` / 4 words.
 * Returns its six bits; -1: it is too long.
 */
export function packId(text: string, words: Uint32Array, bytes: Uint8Array, at: number): number {
  const length = text.length;
  if (length === 0) return emptyForm;
  if (length === 30) {
    const bits = packCompact(text, words, at);
    if (bits !== -1) return bits;
  } else if (length === 64 && packHex(text, bytes, at)) return hexForm;
  return packText(text, words, bytes, at);
}

function packText(text: string, words: Uint32Array, bytes: Uint8Array, at: number): number {
  const length = encodeText(text, words, bytes, at + 1, tableLimits.idBytes);
  if (length === -1) return -1;
  words[at] = length;
  return textForm;
}

function packHex(text: string, bytes: Uint8Array, at: number): boolean {
  let bad = 0;
  for (let i = 0, to = at << 2; i < 64; i += 2, to += 1) {
    const high = hexValue[text.charCodeAt(i)] as number;
    const low = hexValue[text.charCodeAt(i + 1)] as number;
    bad |= high | low;
    bytes[to] = (high << 4) | low;
  }
  return bad >= 0;
}

/** The string of these six bits and the words at `at`. */
export function unpackId(bits: number, words: Uint32Array, bytes: Buffer, at: number): string {
  const form = bits & 15;
  if (form === emptyForm) return '';
  if (isCompact(form)) return unpackCompact(form, bits >> 4, words, at);
  if (form === hexForm) return bytes.toString('hex', at << 2, (at << 2) + 32);
  return readText(words, bytes, at + 1, textLength(words, at));
}
