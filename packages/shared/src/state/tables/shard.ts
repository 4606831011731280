import { findSlot, headWords, homeSlot, orderOf, placeMask, tagOf } from './index-search.ts';
import { murmur3 } from './murmur.ts';
import { identityMaskOf, rowWords } from './rows/kinds.ts';
import { numberAt, tailAt } from './rows/row-kind.ts';
import { hashRowKey, ShardMemory } from './shard-memory.ts';

const rowHash = new Uint32Array(4);

/** One shard as its writer holds it. Only the buffer is shared. */
export class Shard extends ShardMemory {
  /** Sum of the rows' hashes, each of its words on its own. */
  digest: Uint32Array;

  /** Empty, with room for so many words of rows. */
  constructor(digest: Uint32Array, slots: number, rowWords: number, generation: number) {
    super(slots, rowWords, generation);
    this.digest = digest;
  }

  /** Slot of the row that `row` at `at` is or replaces; -1: there is none. Hashes its key. */
  find(row: Uint32Array, at: number, identityWords: number): number {
    const hash = hashRowKey(row, at);
    return findSlot(
      this.words,
      this.slots,
      homeSlot(orderOf(hash), this.slots),
      tagOf(hash),
      identityMaskOf(row[at] as number),
      row,
      at,
      identityWords,
    );
  }

  /** Place of the row in a slot. */
  placeOf(slot: number): number {
    return (this.words[headWords + slot] as number) & placeMask;
  }

  /** Puts the row in; there must be room. Returns whether there was none of its identity. */
  put(row: Uint32Array, at: number, identityWords: number, count: number): boolean {
    const slot = this.find(row, at, identityWords);
    if (slot === -1) {
      this.#append(row, at, count);
      this.link(this.used - count);
      this.rows += 1;
      return true;
    }
    const place = this.placeOf(slot);
    const before = rowWords(this.words, place);
    this.#subtract(place, before);
    if (before === count) {
      this.#write(place, row, at, count);
    } else {
      this.garbage += before;
      this.#append(row, at, count);
      this.point(slot, this.used - count);
    }
    return false;
  }

  /** Whether the row's number is above that of the row it would replace. */
  isRaisedBy(row: Uint32Array, at: number, identityWords: number): boolean {
    const slot = this.find(row, at, identityWords);
    if (slot === -1) return numberAt(row, tailAt(row, at)) > 0;
    const place = this.placeOf(slot);
    return numberAt(row, tailAt(row, at)) > numberAt(this.words, tailAt(this.words, place));
  }

  /** Takes the row out. Returns whether there was one. */
  remove(row: Uint32Array, at: number, identityWords: number): boolean {
    const slot = this.find(row, at, identityWords);
    if (slot === -1) return false;
    const place = this.placeOf(slot);
    const count = rowWords(this.words, place);
    this.#subtract(place, count);
    this.garbage += count;
    this.rows -= 1;
    this.#close(slot);
    return true;
  }

  /** Adds the hash of the row at `place` to the digest. */
  add(place: number, count: number): void {
    murmur3(this.words[place] as number, this.words, place, count, rowHash);
    for (let i = 0; i < 4; i += 1)
      this.digest[i] = (this.digest[i] as number) + (rowHash[i] as number);
  }

  #subtract(place: number, count: number): void {
    murmur3(this.words[place] as number, this.words, place, count, rowHash);
    for (let i = 0; i < 4; i += 1)
      this.digest[i] = (this.digest[i] as number) - (rowHash[i] as number);
  }

  #append(row: Uint32Array, at: number, count: number): void {
    this.#write(this.used, row, at, count);
    this.used += count;
  }

  #write(place: number, row: Uint32Array, at: number, count: number): void {
    for (let i = 0; i < count; i += 1) this.words[place + i] = row[at + i] as number;
    this.add(place, count);
  }

  /** Empties a slot and moves up what was pushed behind it, so that no search ends too early. */
  #close(slot: number): void {
    let hole = slot;
    let at = slot;
    for (;;) {
      at = at + 1 === this.slots ? 0 : at + 1;
      const entry = this.words[headWords + at] as number;
      if (entry === 0) break;
      const home = homeSlot(orderOf(hashRowKey(this.words, entry & placeMask)), this.slots);
      // How far the entry lies from its home, and the hole from there, round the end.
      const reach = at - home + (at < home ? this.slots : 0);
      const back = at - hole + (at < hole ? this.slots : 0);
      if (back <= reach) {
        this.words[headWords + hole] = entry;
        hole = at;
      }
    }
    this.words[headWords + hole] = 0;
  }
}
