import { TableLimitError } from './errors.ts';
import {
  hashKey,
  headWords,
  homeSlot,
  type KeyHash,
  orderOf,
  placeMask,
  tagOf,
} from './index-search.ts';
import { tableLimits } from './limits.ts';
import { rowWords } from './rows/kinds.ts';
import { type RowView, secondAt } from './rows/row-kind.ts';

const hash: KeyHash = new Uint32Array(4);

/** Slots for so many rows: four in five are taken at the most. */
export function slotsFor(rows: number): number {
  return Math.ceil((rows * 5) / 4) + 1;
}

/** Words to take for so many, so that a shard does not move at each change. */
function roomFor(words: number): number {
  return words < growingWords ? Math.ceil(words * 1.125) + 64 : Math.ceil(words * 1.015625);
}

/** Words of gaps that are not worth a move. */
const gapsMin = 256;
const pageWords = 1_024;
/** From here on a buffer can grow: to make such a one costs as much as to copy these words. */
const growingWords = 16_384;
/** A slot of the index can name a place up to here. */
const bytesMax = (placeMask + 1) * 4;

/** A shard's buffer with its index: room for rows, and where they are. */
export class ShardMemory implements RowView {
  buffer!: SharedArrayBuffer;
  words!: Uint32Array;
  bytes!: Buffer;
  /** Rises with each new buffer. */
  generation: number;
  slots = 0;
  /** Next free word. */
  used = 0;
  rows = 0;
  /** Words of removed rows. */
  garbage = 0;
  /** Empty, with room for so many words of rows. */
  constructor(slots: number, rowWords: number, generation: number) {
    this.generation = generation;
    this.#allocate(slots, rowWords);
  }

  /** Takes a new buffer. A large one can grow where it is to twice its size. */
  #allocate(slots: number, rowWords: number): void {
    const words = headWords + slots + rowWords;
    const options = words < growingWords ? {} : { maxByteLength: Math.min(words * 8, bytesMax) };
    this.buffer = new SharedArrayBuffer(words * 4, options);
    this.slots = slots;
    this.used = headWords + slots;
    this.garbage = 0;
    this.#view();
    this.words[0] = slots;
  }

  /** A view with a fixed length is several times faster than one that follows the buffer's. */
  #view(): void {
    this.words = new Uint32Array(this.buffer, 0, this.buffer.byteLength >>> 2);
    this.bytes = Buffer.from(this.buffer, 0, this.buffer.byteLength);
  }

  /** Words that the rows take, without gaps. */
  liveWords(): number {
    return this.used - headWords - this.slots - this.garbage;
  }

  /** Whether less than half of it would do. */
  isMostlyGaps(): boolean {
    return this.garbage > gapsMin && this.garbage > this.liveWords();
  }

  /** Throws TableLimitError when the shard cannot take so many more rows and words. */
  checkRoom(rows: number, words: number): void {
    if (this.rows + rows > tableLimits.shardRows)
      throw new TableLimitError(`a shard would have more than ${tableLimits.shardRows} rows`);
    if (this.liveWords() + words > tableLimits.shardWords)
      throw new TableLimitError(`a shard would have more than ${tableLimits.shardWords * 4} bytes`);
  }

  /**
   * Makes room for so many more rows and words. Returns whether the rows have moved to a new buffer,
   * which readers do not have yet.
   */
  makeRoom(rows: number, words: number): boolean {
    const isIndexFull = (this.rows + rows) * 5 > (this.slots - 1) * 4;
    const needed = this.used + words;
    if (!isIndexFull && needed <= this.words.length) return false;
    const isGappy = this.garbage > this.used / 8;
    if (isIndexFull || isGappy || needed * 4 > this.buffer.maxByteLength) {
      this.move(rows, words);
      return true;
    }
    const pages = Math.ceil((needed + (needed >>> 6)) / pageWords);
    this.buffer.grow(Math.min(pages * pageWords * 4, this.buffer.maxByteLength));
    this.#view();
    return false;
  }

  /** Moves the rows, without gaps, to a new buffer with this much room to spare. */
  move(rows: number, words: number): void {
    const old = { words: this.words, slots: this.slots };
    const needed = slotsFor(this.rows + rows);
    const fits = needed <= old.slots && needed * 3 > old.slots;
    const room = roomFor(this.liveWords() + words);
    this.#allocate(fits ? old.slots : Math.ceil(needed * 1.4) + 6, room);
    this.generation += 1;
    for (let slot = 0; slot < old.slots; slot += 1) {
      const entry = old.words[headWords + slot] as number;
      if (entry !== 0) this.#copyRow(old.words, entry);
    }
  }

  #copyRow(from: Uint32Array, entry: number): void {
    const place = entry & placeMask;
    const count = rowWords(from, place);
    for (let i = 0; i < count; i += 1) this.words[this.used + i] = from[place + i] as number;
    hashRowKey(this.words, this.used);
    this.link(this.used);
    this.used += count;
  }

  /** Puts the row at `place` into the index; its key is hashed. */
  link(place: number): void {
    let slot = homeSlot(orderOf(hash), this.slots);
    while (this.words[headWords + slot] !== 0) {
      slot += 1;
      if (slot === this.slots) slot = 0;
    }
    this.point(slot, place);
  }

  /** Makes the slot name the row at `place`, whose key was hashed last. */
  point(slot: number, place: number): void {
    this.words[headWords + slot] = tagOf(hash) | place;
  }
}

/** Hashes the key of the row at `at`; the result is good until the next call. */
export function hashRowKey(words: Uint32Array, at: number): KeyHash {
  hashKey(hash, words, at, secondAt(words, at) - at);
  return hash;
}
