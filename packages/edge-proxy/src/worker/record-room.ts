/**
 * Whether the main thread can keep more records, in memory that all threads share: one cell, so that
 * a request that has to know reads it without waiting for anybody.
 */
export class RecordRoom {
  readonly shared: SharedArrayBuffer;
  readonly #cell: Int32Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#cell = new Int32Array(shared);
  }

  get full(): boolean {
    return Atomics.load(this.#cell, 0) === 1;
  }

  set full(full: boolean) {
    Atomics.store(this.#cell, 0, full ? 1 : 0);
  }
}
