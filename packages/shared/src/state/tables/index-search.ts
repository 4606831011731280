import { murmur3 } from './murmur.ts';
import { keyMask } from './rows/row-kind.ts';

/*
 * A shard's buffer, in 32-bit words:
 *   0  slots of the index      1, 2, 3  not used
 *   4  the index: one word a slot, 0 for an empty one, else the place of a row (24 bits) and above
 *      it 8 bits of the key's hash, so that other rows are rarely looked at
 *   then the rows, in any order, with gaps where rows were removed
 */
export const headWords = 4;
/** Mask of the place within a slot. */
export const placeMask = 0xff_ffff;

/** The four words of a key's hash. One is made for each writer and reader, and used again. */
export type KeyHash = Uint32Array;

/** Hashes the key of `count` words at `at`; what else is in its first word does not count. */
export function hashKey(hash: KeyHash, words: Uint32Array, at: number, count: number): void {
  murmur3((words[at] as number) & keyMask, words, at, count, hash);
}

/** The shard of a key: the top eight bits of its hash. */
export function shardOf(hash: KeyHash): number {
  return (hash[0] as number) >>> 24;
}

/** The 32 bits of the hash below the shard's: they order the rows of a shard. */
export function orderOf(hash: KeyHash): number {
  return (((hash[0] as number) << 8) | ((hash[1] as number) >>> 24)) >>> 0;
}

/** Bits of the hash that a slot repeats, in their place. */
export function tagOf(hash: KeyHash): number {
  return ((hash[1] as number) << 24) >>> 0;
}

/** The slot at which the search for a key begins. It rises with the order. */
export function homeSlot(order: number, slots: number): number {
  return Math.floor(order * (slots / 2 ** 32));
}

/**
 * Looks for a row from `slot` on whose first word has these bits under the mask and whose next
 * words, up to `count`, are those of `key` at `keyAt`. Returns its slot; -1: there is none. Ends
 * after as many slots as there are, whatever they hold: a reader may meet half a change.
 */
export function findSlot(
  words: Uint32Array,
  slots: number,
  slot: number,
  tag: number,
  mask: number,
  key: Uint32Array,
  keyAt: number,
  count: number,
): number {
  const first = (key[keyAt] as number) & mask;
  let at = slot;
  for (let looked = 0; looked < slots; looked += 1) {
    const entry = words[headWords + at] as number;
    if (entry === 0) return -1;
    // Both are taken as 32 bits with a sign.
    if ((entry & ~placeMask) === (tag | 0)) {
      const row = entry & placeMask;
      if (((words[row] as number) & mask) === first && sameWords(words, row, key, keyAt, count))
        return at;
    }
    at += 1;
    if (at === slots) at = 0;
  }
  return -1;
}

function sameWords(
  words: Uint32Array,
  row: number,
  key: Uint32Array,
  keyAt: number,
  count: number,
): boolean {
  for (let i = 1; i < count; i += 1) if (words[row + i] !== key[keyAt + i]) return false;
  return true;
}
