import { StateBusyError } from './errors.ts';
import { findSlot, headWords, homeSlot, orderOf, placeMask, tagOf } from './index-search.ts';
import {
  counterAt,
  generationAt,
  type LayoutChange,
  lengthAt,
  presence,
  type SharedLane,
  shardsPerLane,
} from './lane.ts';
import type { LookupKey } from './lookup-key.ts';
import { keyMask, type RowView } from './rows/row-kind.ts';

export interface HeldShard extends RowView {
  readonly generation: number;
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
}

// Between a plain read and the second look at a counter nothing may be moved. Loads are in order on
// x64; elsewhere only a read that also writes keeps what was read before it in its place.
const lookAgain: (control: Int32Array, at: number) => number =
  process.arch === 'x64'
    ? (control, at) => Atomics.load(control, at)
    : (control, at) => Atomics.add(control, at, 0);

/** One table as a reader sees it, and which of its shards the pass at hand has read. */
export class LaneReader {
  readonly table: number;
  readonly #control: Int32Array;
  readonly #shards: HeldShard[];
  /** Counter of each shard when it was read last, with the buffer that is held. */
  readonly #seen = new Int32Array(shardsPerLane + 1).fill(-1);
  /** The pass that read it. */
  readonly #seenIn = new Float64Array(shardsPerLane + 1).fill(-1);
  readonly #touched = new Uint16Array(shardsPerLane + 1);
  #hasRows = false;
  #count = 0;
  #pass = 0;

  constructor({ table, control, shards }: SharedLane) {
    this.table = table;
    this.#control = new Int32Array(control);
    this.#shards = shards.map(({ generation, buffer }) => hold(generation, buffer));
  }

  /** Takes a shard's new buffer; an older one than it has is ignored. */
  take({ shard, generation, buffer }: LayoutChange): void {
    const held = this.#shards[shard];
    if (held !== undefined && held.generation < generation)
      this.#shards[shard] = hold(generation, buffer);
  }

  /** Starts a pass: nothing has been read yet. */
  begin(): void {
    this.#count = 0;
    this.#pass += 1;
  }

  /** Whether what the pass has read all stood at the same time. */
  holds(): boolean {
    for (let i = 0; i < this.#count; i += 1) {
      const shard = this.#touched[i] as number;
      if (lookAgain(this.#control, counterAt(shard)) !== this.#seen[shard]) return false;
    }
    return true;
  }

  /** Counter of a shard that this pass has read. */
  counter(index: number): number {
    return this.#seen[index] as number;
  }

  /**
   * The shard, for reading in this pass. Throws StateBusyError when it is being changed or its buffer
   * is not here: the pass is made again.
   */
  shard(index: number): HeldShard {
    const held = this.#shards[index] as HeldShard;
    if (this.#seenIn[index] === this.#pass) return held;
    const counter = Atomics.load(this.#control, counterAt(index));
    // A new buffer moves the counter too.
    if (counter !== this.#seen[index]) return this.#look(index, counter);
    this.#touch(index);
    return held;
  }

  /** Whether the table has rows at all: most have none beside the lane's own, and few signals. */
  hasRows(): boolean {
    if (this.#seenIn[presence] === this.#pass) return this.#hasRows;
    const counter = Atomics.load(this.#control, counterAt(presence));
    if (counter !== this.#seen[presence]) {
      if ((counter & 1) === 1) throw new StateBusyError('the table is being changed');
      this.#hasRows = Atomics.load(this.#control, generationAt(presence)) === 1;
      this.#seen[presence] = counter;
    }
    this.#touch(presence);
    return this.#hasRows;
  }

  /** The shard as it is since its counter has moved. */
  #look(index: number, counter: number): HeldShard {
    let held = this.#shards[index] as HeldShard;
    if ((counter & 1) === 1) throw new StateBusyError('the shard is being changed');
    if (Atomics.load(this.#control, generationAt(index)) !== held.generation)
      throw new StateBusyError('the shard has another buffer');
    if (Atomics.load(this.#control, lengthAt(index)) !== held.words.length) {
      held = hold(held.generation, held.buffer);
      this.#shards[index] = held;
    }
    this.#seen[index] = counter;
    this.#touch(index);
    return held;
  }

  #touch(index: number): void {
    this.#seenIn[index] = this.#pass;
    this.#touched[this.#count] = index;
    this.#count += 1;
  }
}

function hold(generation: number, buffer: SharedArrayBuffer): HeldShard {
  // A view with a fixed length is several times faster than one that follows the buffer's.
  const words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
  const bytes = Buffer.from(buffer, 0, buffer.byteLength);
  return { generation, buffer, slots: words[0] as number, words, bytes };
}

/** Place of the first row of this key; 0: there is none. */
export function findRow({ words, slots }: HeldShard, key: LookupKey): number {
  const home = homeSlot(orderOf(key.hash), slots);
  const slot = findSlot(words, slots, home, tagOf(key.hash), keyMask, key.words, key.at, key.count);
  return slot === -1 ? 0 : (words[headWords + slot] as number) & placeMask;
}

/** Calls `visit` with the place of each row of this key until it returns true. */
export function someRow(
  { words, slots }: HeldShard,
  key: LookupKey,
  visit: (place: number) => boolean,
): boolean {
  const tag = tagOf(key.hash);
  let from = homeSlot(orderOf(key.hash), slots);
  for (let found = 0; found < slots; found += 1) {
    const slot = findSlot(words, slots, from, tag, keyMask, key.words, key.at, key.count);
    if (slot === -1) return false;
    if (visit((words[headWords + slot] as number) & placeMask)) return true;
    from = slot + 1 === slots ? 0 : slot + 1;
  }
  return false;
}
