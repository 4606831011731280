import type { RowOp } from '../lane.ts';
import { isPlainForm, packedWords, unpackId } from '../packed-id.ts';

/** Key bits of a row's first word: kind, sub-kind and the key's six bits. */
export const keyMask = 0x1fff;
/** The same and the six bits of the second string. */
export const identityMask = 0x7ffff;

/** Words of a shard with a byte view of the same memory. */
export interface RowView {
  readonly words: Uint32Array;
  readonly bytes: Buffer;
}

/** One kind of row. Everything that reads must bear any words: a reader may meet half a change. */
export interface RowKind {
  /** In the low four bits of a row's first word. */
  readonly kind: number;
  /** The op that puts such a row. */
  readonly op: RowOp['op'];
  /** Whether the second string tells rows of one key apart. */
  readonly many: boolean;
  /** Words behind the two strings; the first two of them must be there to be looked at. */
  tailWords(first: number, words: Uint32Array, tail: number): number;
  /**
   * Whether the row, which is whole, is surely what its op would write: quick for the rows that
   * there are many of. Of the others it is found out by writing them again.
   */
  isPlain(first: number, words: Uint32Array, tail: number): boolean;
  /** The op that puts the row. */
  read(view: RowView, at: number): RowOp;
}

/** Word at which the second string of the row at `at` begins. */
export function secondAt(words: Uint32Array, at: number): number {
  const first = words[at] as number;
  return at + 1 + packedWords((first >>> 7) & 15, words, at + 1);
}

/** Word at which what the kind adds begins. */
export function tailAt(words: Uint32Array, at: number): number {
  const second = secondAt(words, at);
  return second + packedWords(((words[at] as number) >>> 13) & 15, words, second);
}

/** The key of the row at `at`. */
export function keyOf({ words, bytes }: RowView, at: number): string {
  return unpackId(((words[at] as number) >>> 7) & 63, words, bytes, at + 1);
}

/** The second string of the row at `at`. */
export function secondOf({ words, bytes }: RowView, at: number): string {
  return unpackId(((words[at] as number) >>> 13) & 63, words, bytes, secondAt(words, at));
}

/** The row's sub-kind. */
export function subOf(words: Uint32Array, at: number): number {
  return ((words[at] as number) >>> 4) & 7;
}

/** A number of two words, the lower one first. */
export function numberAt(words: Uint32Array, at: number): number {
  return (words[at] as number) + (words[at + 1] as number) * 2 ** 32;
}

/** The sub-kind's bits of a first word. */
export const subMask = 0x70;

/** The bits of a first word that are zero in a row without sub-kind and second string. */
export function subAndSecond(first: number): number {
  return first & (subMask | (identityMask & ~keyMask));
}

/** Whether both strings are in a form whose words may be anything. */
export function hasPlainStrings(first: number): boolean {
  return isPlainForm((first >>> 7) & 63) && isPlainForm((first >>> 13) & 63);
}
