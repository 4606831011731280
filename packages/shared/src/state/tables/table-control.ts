import {
  controlWords,
  counterAt,
  generationAt,
  lengthAt,
  presence,
  shardsPerLane,
} from './lane.ts';
import type { Shard } from './shard.ts';

/** The writer's side of a table's control words: what tells readers that something moves. */
export class TableControl {
  readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(controlWords * 4);
  readonly #words = new Int32Array(this.buffer);
  readonly #versions = new Float64Array(shardsPerLane + 1);

  /** Rises with each change of a shard. */
  version(shard: number): number {
    return this.#versions[shard] ?? 0;
  }

  /** From here on readers keep away from the shard, or from `presence`. */
  open(shard: number): void {
    Atomics.add(this.#words, counterAt(shard), 1);
  }

  /** Readers may come again, and see that something has changed. */
  close(shard: number): void {
    this.#versions[shard] = (this.#versions[shard] as number) + 1;
    Atomics.add(this.#words, counterAt(shard), 1);
  }

  /** The same for `presence`, with whether there are rows. */
  closePresence(rows: number): void {
    Atomics.store(this.#words, generationAt(presence), rows === 0 ? 0 : 1);
    this.close(presence);
  }

  /** Says which buffer the shard has. */
  point(index: number, shard: Shard): void {
    Atomics.store(this.#words, generationAt(index), shard.generation);
    this.lengthen(index, shard);
  }

  /** Says how long its buffer is. A reader looks when the counter has moved, which it does next. */
  lengthen(index: number, { words }: Shard): void {
    Atomics.store(this.#words, lengthAt(index), words.length);
  }
}
