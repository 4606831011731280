import type { Received } from './exchange.ts';

/**
 * The exchanges of a connection, of which there are few, the oldest first. A Set would make a new
 * table each time it is empty again, and the old ones keep each other from being collected.
 */
export class ExchangeList implements Iterable<Received> {
  readonly #all: Received[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(value: Received): void {
    this.#all.push(value);
  }

  delete(value: Received): void {
    const at = this.#all.indexOf(value);
    if (at < 0) return;
    this.#all.copyWithin(at, at + 1);
    this.#all.pop();
  }

  /** Of those that are there now, whatever becomes of them meanwhile. */
  [Symbol.iterator](): Iterator<Received> {
    return this.#all.slice().values();
  }
}
