import { TableLimitError } from '../errors.ts';
import { tableLimits } from '../limits.ts';
import { packedWords, packId } from '../packed-id.ts';
import { encodeText, wordsOf } from '../text.ts';

const u32 = 2 ** 32;
const roomMin = 1_024;

/**
 * Writes rows one after the other in their canonical form, which is also the form they have in a
 * table: see docs/protocol.md. The first word of a row is
 *   bits 0-3 kind, 4-6 sub-kind, 7-12 the key's six bits, 13-18 the second string's, 19-31 the kind's
 * and then come the words of the key, of the second string, and what the kind adds.
 */
export class RowWriter {
  words = new Uint32Array(4_096);
  bytes: Uint8Array = new Uint8Array(this.words.buffer);
  /** Where the row begins, and the next word. */
  start = 0;
  at = 0;
  /** Words of the key, the first word included. */
  keyWords = 0;
  /** Words by which two rows of one key are told apart, those of the key included. */
  identityWords = 0;

  /** Forgets all rows. */
  clear(): void {
    this.start = 0;
    this.at = 0;
  }

  /** Leaves the row behind; the next one begins after it. */
  next(): void {
    this.start = this.at;
  }

  /** Starts a row with its key. */
  begin(kind: number, sub: number, key: string): void {
    this.at = this.start;
    this.#room(roomMin);
    this.words[this.start] = kind | (sub << 4);
    this.at += 1;
    this.#id(key, 7);
    this.keyWords = this.at - this.start;
    this.identityWords = this.keyWords;
  }

  /** Adds the second string. */
  second(text: string): void {
    this.#id(text, 13);
  }

  /** Adds the second string, which tells rows of one key apart. */
  identity(text: string): void {
    this.#id(text, 13);
    this.identityWords = this.at - this.start;
  }

  /** Puts the kind's own bits, 13 at the most, into the first word. */
  own(bits: number): void {
    const first = this.words[this.start] as number;
    this.words[this.start] = first | (bits << 19);
  }

  /** Adds a word. */
  word(value: number): void {
    this.words[this.at] = value;
    this.at += 1;
  }

  /** Adds a number in two words, the lower one first. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new TableLimitError(`${value} is not a number that a row can hold`);
    this.word(value % u32);
    this.word(Math.floor(value / u32));
  }

  /** Adds a text without its length, which is returned in bytes. */
  text(text: string, bytesMax: number, what: string): number {
    this.#room(wordsOf(bytesMax));
    const length = encodeText(text, this.words, this.bytes, this.at, bytesMax);
    if (length === -1) throw new TableLimitError(`${what} is longer than ${bytesMax} bytes`);
    this.at += wordsOf(length);
    return length;
  }

  /** Adds bytes, filled up with zeros to a whole word. */
  blob(blob: Uint8Array): void {
    const count = wordsOf(blob.length);
    this.#room(count);
    if (count > 0) this.words[this.at + count - 1] = 0;
    this.bytes.set(blob, this.at << 2);
    this.at += count;
  }

  /** Words of the row so far. Throws when it is too long. */
  rowWords(): number {
    const count = this.at - this.start;
    if (count > tableLimits.rowWords)
      throw new TableLimitError(`a row of ${count * 4} bytes is too long`);
    return count;
  }

  #id(text: string, shift: number): void {
    const bits = packId(text, this.words, this.bytes, this.at);
    if (bits === -1) throw new TableLimitError(`an id is longer than ${tableLimits.idBytes} bytes`);
    this.words[this.start] = (this.words[this.start] as number) | (bits << shift);
    this.at += packedWords(bits & 15, this.words, this.at);
  }

  #room(words: number): void {
    const needed = this.at + words + roomMin;
    if (needed <= this.words.length) return;
    const larger = new Uint32Array(Math.max(needed, this.words.length * 2));
    larger.set(this.words);
    this.words = larger;
    this.bytes = new Uint8Array(larger.buffer);
  }
}

/** The instant, whole and between 0 and `max`: what is beyond is as good as the end itself. */
export function clampInstant(ms: number, max: number): number {
  if (Number.isNaN(ms)) throw new TableLimitError('an instant that is not a number');
  return Math.min(Math.max(Math.trunc(ms), 0), max);
}
