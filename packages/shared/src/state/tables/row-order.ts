import { headWords, orderOf, placeMask } from './index-search.ts';
import { packedWords } from './packed-id.ts';
import { identityMaskOf, rowKind } from './rows/kinds.ts';
import { secondAt } from './rows/row-kind.ts';
import type { Shard } from './shard.ts';
import { hashRowKey } from './shard-memory.ts';

/** Places of the rows in canonical order. */
export function inOrder(shard: Shard): Uint32Array {
  // The upper bits of the hash and the row's number fit a double: sorted without a comparison.
  const byIndex = new Uint32Array(shard.rows);
  const keys = new Float64Array(shard.rows);
  let rows = 0;
  for (let slot = 0; slot < shard.slots; slot += 1) {
    const place = (shard.words[headWords + slot] as number) & placeMask;
    if (place === 0) continue;
    byIndex[rows] = place;
    keys[rows] = orderOf(hashRowKey(shard.words, place)) * 2 ** 21 + rows;
    rows += 1;
  }
  keys.sort();
  const places = keys.map((key) => byIndex[key % 2 ** 21] as number);
  return sortTies(shard.words, Uint32Array.from(places));
}

/** Rows whose first bits are the same are few but for rows of one key. */
function sortTies(words: Uint32Array, places: Uint32Array): Uint32Array {
  let from = 0;
  for (let to = 1; to <= places.length; to += 1) {
    if (to < places.length && sameOrder(words, places[from] as number, places[to] as number))
      continue;
    if (to - from > 1) places.subarray(from, to).sort((a, b) => compareRows(words, a, b));
    from = to;
  }
  return places;
}

function sameOrder(words: Uint32Array, a: number, b: number): boolean {
  return orderOf(hashRowKey(words, a)) === orderOf(hashRowKey(words, b));
}

/** Below 0: row `a` comes first; 0: they have the same identity. */
export function compareRows(words: Uint32Array, a: number, b: number): number {
  const hashA = hashRowKey(words, a).slice();
  const hashB = hashRowKey(words, b);
  for (let i = 0; i < 4; i += 1) {
    const difference = (hashA[i] as number) - (hashB[i] as number);
    if (difference !== 0) return difference;
  }
  return compareIdentities(words, a, b);
}

function compareIdentities(words: Uint32Array, a: number, b: number): number {
  const mask = identityMaskOf(words[a] as number);
  const first =
    ((words[a] as number) & mask) - ((words[b] as number) & identityMaskOf(words[b] as number));
  if (first !== 0) return first;
  const count = identityWordsOf(words, a);
  for (let i = 1; i < count; i += 1) {
    const difference = (words[a + i] as number) - (words[b + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function identityWordsOf(words: Uint32Array, at: number): number {
  const second = secondAt(words, at);
  const first = words[at] as number;
  if (rowKind(first)?.many !== true) return second - at;
  return second - at + packedWords((first >>> 13) & 15, words, second);
}
