import { randomInt } from 'node:crypto';
import type { Address } from '@sallyport/policy';

const bucketsBits = 16;
const seedCell = 0;
const descriptorsCell = 1;
const allCell = 2;
const upstreamCell = 3;
const firstBucket = 4;
const cells = firstBucket + (1 << bucketsBits);
const unlimited = 0x7fffffff;

/**
 * How many connections to the public listener are open, in memory that all workers share: all of
 * them, and those of each address. Addresses that fall into one of 65,536 buckets are counted
 * together; a seed keeps others from choosing which. Beside them those to upstreams.
 */
export class ConnectionRoom {
  readonly shared: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT);
    this.#cells = new Int32Array(this.shared);
    if (shared !== undefined) return;
    this.#cells[seedCell] = randomInt(unlimited);
    this.#cells[descriptorsCell] = unlimited;
  }

  /**
   * Connections that there are file descriptors for: so many of clients, and as many to upstreams.
   * Set once, before anybody counts.
   */
  get descriptorsMax(): number {
    return Atomics.load(this.#cells, descriptorsCell);
  }

  set descriptorsMax(max: number) {
    Atomics.store(this.#cells, descriptorsCell, Math.min(max, unlimited));
  }

  get open(): number {
    return Atomics.load(this.#cells, allCell);
  }

  /** false: there are that many already. Else `leave` has to be called once. */
  enter(max: number): boolean {
    return this.#take(allCell, max);
  }

  leave(): void {
    Atomics.sub(this.#cells, allCell, 1);
  }

  /** The same for one to an upstream; `leaveUpstream` has to be called once. */
  enterUpstream(): boolean {
    return this.#take(upstreamCell, this.descriptorsMax);
  }

  leaveUpstream(): void {
    Atomics.sub(this.#cells, upstreamCell, 1);
  }

  get upstreams(): number {
    return Atomics.load(this.#cells, upstreamCell);
  }

  get upstreamFull(): boolean {
    return this.upstreams >= this.descriptorsMax;
  }

  /** The same for one address; null: not. Else it gives what `leaveBucket` has to be called with. */
  enterBucketOf(address: Address, max: number): number | null {
    const bucket = firstBucket + this.#hash(address);
    return this.#take(bucket, max) ? bucket : null;
  }

  leaveBucket(bucket: number): void {
    Atomics.sub(this.#cells, bucket, 1);
  }

  #take(cell: number, max: number): boolean {
    if (Atomics.add(this.#cells, cell, 1) < max) return true;
    Atomics.sub(this.#cells, cell, 1);
    return false;
  }

  /** Of IPv6 the network of 64 bits: whoever has one address of it has all. */
  #hash({ family, words }: Address): number {
    let hash = (this.#cells[seedCell] ?? 0) ^ family;
    for (const word of family === 6 ? words.slice(0, 2) : words.slice(3)) {
      hash = Math.imul(hash ^ word, 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      hash ^= hash >>> 16;
    }
    return hash & ((1 << bucketsBits) - 1);
  }
}
