import type { SyncRequest } from '@sallyport/proto';

/** The writing half of a stream. */
export interface Writable {
  write(message: SyncRequest): boolean;
  on(event: 'drain', listener: () => void): unknown;
}

/** Hellos, fetches and refusals that wait; a stream that takes none of so many is no use. */
const lineMax = 256;

/**
 * What goes up on one stream, never queued without end: what must be said stands in a bounded line,
 * and of what only tells how things stand (acks, reports) the newest of a name is kept.
 */
export class Upward {
  readonly #to: Writable;
  readonly #onFull: () => void;
  readonly #line: SyncRequest[] = [];
  readonly #latest = new Map<string, SyncRequest>();
  #blocked = false;

  constructor(to: Writable, onFull: () => void) {
    this.#to = to;
    this.#onFull = onFull;
    to.on('drain', () => {
      this.#blocked = false;
      this.#flush();
    });
  }

  say(message: SyncRequest): void {
    if (this.#line.length >= lineMax) return this.#onFull();
    this.#line.push(message);
    this.#flush();
  }

  /** Takes the place of one of the same name that has not gone out yet. */
  tell(name: string, message: SyncRequest): void {
    this.#latest.set(name, message);
    this.#flush();
  }

  #flush(): void {
    for (let next = this.#line[0]; next !== undefined && !this.#blocked; next = this.#line[0]) {
      this.#line.shift();
      this.#blocked = !this.#to.write(next);
    }
    for (const [name, message] of this.#latest) {
      if (this.#blocked) return;
      this.#latest.delete(name);
      this.#blocked = !this.#to.write(message);
    }
  }
}
