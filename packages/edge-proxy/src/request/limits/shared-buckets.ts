import { randomBytes } from 'node:crypto';
import { arrive, type Left, leftOf, type Pace } from './gcra.ts';
import { halfSipHash } from './half-sip-hash.ts';

/**
 * Buckets of rate limits, in memory that all workers of an edge share: a table of cells, each the
 * hash of what it is for and its arrival time (gcra.ts), changed by compare and exchange alone.
 *
 * A key may stand in the eight cells of one set. Where none of them has its key, the first that is
 * full again, which is the same as none, goes to it; where all are in use, the one that is nearest
 * to full. So the memory never grows, and what is forgotten is always the least. Counts are exact
 * while sets have room; where a set is full, keys that come and go at the same instant may lose or
 * gain a request.
 */

/**
 * Cells of their own, so that a flood of addresses, which anyone may have many of, does not wash out
 * what is known of users and devices.
 */
export type Region = 'address' | 'other';

/** Cells of both regions together. */
const cellsDefault = 2 ** 18;
const cellsPerSet = 8;
const wordsPerCell = 2;
/** The key of the hash stands before the cells. */
const headWords = 1;
/** Each failed exchange is another worker's success: this often in a row is a fault, not load. */
const triesMax = 1_000;

/** What came of counting a request. */
export interface Taken {
  readonly admitted: boolean;
  readonly left: Left;
}

/** Empty buckets for all workers of a process, with a key of their own; 4 MiB. */
export function newBucketMemory(cells: number = cellsDefault): SharedArrayBuffer {
  const words = new BigInt64Array(
    new SharedArrayBuffer((headWords + cells * wordsPerCell) * BigInt64Array.BYTES_PER_ELEMENT),
  );
  words[0] = randomBytes(8).readBigInt64LE();
  return words.buffer;
}

/** One worker's view of the buckets. */
export class SharedBuckets {
  readonly #words: BigInt64Array<SharedArrayBuffer>;
  readonly #setsPerRegion: number;
  readonly #key0: number;
  readonly #key1: number;
  readonly #nowNs: () => bigint;

  /** `nowNs`: of a monotonic clock that is the same in all threads. */
  constructor(memory: SharedArrayBuffer, nowNs: () => bigint = () => process.hrtime.bigint()) {
    this.#words = new BigInt64Array(memory);
    this.#setsPerRegion = (this.#words.length - headWords) / wordsPerCell / cellsPerSet / 2;
    const key = this.#words[0] ?? 0n;
    this.#key0 = Number(BigInt.asIntN(32, key));
    this.#key1 = Number(BigInt.asIntN(32, key >> 32n));
    this.#nowNs = nowNs;
  }

  /** Counts a request, unless it comes too early. */
  take(region: Region, name: string, pace: Pace): Taken {
    const key = this.#keyOf(name);
    const nowNs = this.#nowNs();
    for (let tries = 0; tries < triesMax; tries += 1) {
      const cell = this.#cellOf(region, key, nowNs);
      const before = Atomics.load(this.#words, cell + 1);
      const after = arrive(before, nowNs, pace);
      if (after === null) return { admitted: false, left: leftOf(before, nowNs, pace) };
      if (Atomics.compareExchange(this.#words, cell + 1, before, after) !== before) continue;
      if (Atomics.load(this.#words, cell) === key) {
        return { admitted: true, left: leftOf(after, nowNs, pace) };
      }
      // The cell went to another key in between, which does not pay for this one.
      Atomics.sub(this.#words, cell + 1, pace.intervalNs);
    }
    return { admitted: true, left: leftOf(nowNs, nowNs, pace) };
  }

  /** Takes back what `take` counted: the request was refused after all. */
  giveBack(region: Region, name: string, pace: Pace): void {
    const key = this.#keyOf(name);
    const first = this.#firstOf(region, key);
    for (let cell = first; cell < first + cellsPerSet * wordsPerCell; cell += wordsPerCell) {
      if (Atomics.load(this.#words, cell) !== key) continue;
      Atomics.sub(this.#words, cell + 1, pace.intervalNs);
      return;
    }
  }

  /** Where the cell of a key begins; one is made its own where it has none. */
  #cellOf(region: Region, key: bigint, nowNs: bigint): number {
    const words = this.#words;
    const first = this.#firstOf(region, key);
    for (let tries = 0; tries < triesMax; tries += 1) {
      let best = first;
      let bestKey = 0n;
      let bestArrival: bigint | null = null;
      for (let cell = first; cell < first + cellsPerSet * wordsPerCell; cell += wordsPerCell) {
        const held = Atomics.load(words, cell);
        if (held === key) return cell;
        const arrival = Atomics.load(words, cell + 1);
        const better = bestArrival === null || (bestArrival > nowNs && arrival < bestArrival);
        if (!better) continue;
        best = cell;
        bestKey = held;
        bestArrival = arrival;
      }
      if (bestArrival !== null && bestArrival > nowNs) {
        // What it had to remember is forgotten first: it must not become the new key's.
        const seen = Atomics.compareExchange(words, best + 1, bestArrival, 0n);
        if (seen !== bestArrival) continue;
      }
      if (Atomics.compareExchange(words, best, bestKey, key) === bestKey) return best;
    }
    return first;
  }

  #firstOf(region: Region, key: bigint): number {
    const set = Number(BigInt.asUintN(32, key)) % this.#setsPerRegion;
    const inRegion = region === 'address' ? set : set + this.#setsPerRegion;
    return headWords + inRegion * cellsPerSet * wordsPerCell;
  }

  #keyOf(name: string): bigint {
    const key = halfSipHash(this.#key0, this.#key1, name);
    // Zero is a cell that nobody has had.
    return key === 0n ? 1n : key;
  }
}
