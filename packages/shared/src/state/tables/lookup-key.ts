import { hashKey, type KeyHash } from './index-search.ts';
import { packedWords, packId } from './packed-id.ts';

const places = 16_384;
const stride = 16;
/** Keys of ids and of digests fit a place; those of other strings do only if they are short. */
const keptWords = 12;
/** Where a key is packed that is not in its place. */
const packAt = places * stride;

/**
 * A key that a reader looks for; one is used again and again. The keys that were asked for last are
 * kept in their packed form, one in each place, because the same few are asked for all the time.
 */
export class LookupKey {
  readonly words = new Uint32Array(packAt + 256);
  readonly hash: KeyHash = new Uint32Array(4);
  /** Where the key is among the words, and how many of them it has. */
  at = 0;
  count = 0;
  /** Number of its place. */
  place = 0;
  /** Of each place's key: a shard's counter, and the place of its first row while that held. */
  readonly #answers = new Int32Array(places * 2);
  readonly #bytes = new Uint8Array(this.words.buffer);
  readonly #ids: string[] = Array.from({ length: places }, () => '');
  /** Kind and sub-kind of each place's key, and its words above them; 0: it holds no key. */
  readonly #kinds = new Uint16Array(places);

  /** Becomes the key of these. Returns false for an id that no row can have. */
  set(kind: number, sub: number, id: string): boolean {
    const kinds = kind | (sub << 4);
    const place = placeOf(kinds, id);
    this.place = place;
    const kept = this.#kinds[place] as number;
    if ((kept & 0xff) !== kinds || this.#ids[place] !== id) return this.#pack(kinds, id);
    this.at = place * stride;
    this.count = kept >>> 8;
    const { hash, words } = this;
    const from = this.at + keptWords;
    hash[0] = words[from] as number;
    hash[1] = words[from + 1] as number;
    hash[2] = words[from + 2] as number;
    hash[3] = words[from + 3] as number;
    return true;
  }

  /** Place of the key's first row, 0 for none, as `keep` was told for this counter; -1: not known. */
  kept(counter: number): number {
    const answer = this.place * 2;
    return this.at !== packAt && this.#answers[answer] === counter
      ? (this.#answers[answer + 1] as number)
      : -1;
  }

  /**
   * Keeps where the key's first row is in the table that has rows of its kind. If it was read from
   * half a change, the counter has moved already and will not come back.
   */
  keep(counter: number, row: number): void {
    if (this.at === packAt) return;
    this.#answers[this.place * 2] = counter;
    this.#answers[this.place * 2 + 1] = row;
  }

  #pack(kinds: number, id: string): boolean {
    const { place, words, hash } = this;
    this.at = packAt;
    const bits = packId(id, words, this.#bytes, packAt + 1);
    if (bits === -1) return false;
    words[packAt] = kinds | (bits << 7);
    const count = 1 + packedWords(bits & 15, words, packAt + 1);
    this.count = count;
    hashKey(hash, words, packAt, count);
    if (count > keptWords) return true;
    // Even counters alone are ever asked for.
    this.#answers[place * 2] = 1;
    const to = place * stride;
    for (let i = 0; i < count; i += 1) words[to + i] = words[packAt + i] as number;
    for (let i = 0; i < 4; i += 1) words[to + keptWords + i] = hash[i] as number;
    this.#ids[place] = id;
    this.#kinds[place] = kinds | (count << 8);
    return true;
  }
}

/** The last letters of an id are as random as any. */
function placeOf(kinds: number, id: string): number {
  const end = id.length - 1;
  const letters =
    id.charCodeAt(end) ^ (id.charCodeAt(end - 1) << 5) ^ (id.charCodeAt(end - 2) << 10);
  return (letters ^ Math.imul(kinds, 0x4f1)) & (places - 1);
}
