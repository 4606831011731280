import type { Dispatcher, Pool } from 'undici';
import type { Ask, Connections } from './connections.ts';

/** Connections that speak HTTP/1.1: undici's. */
export class Http1Connections implements Connections {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get free(): number {
    return this.#pool.stats.free;
  }

  dispatch(
    { method, path, headers, body, reset, upgrade }: Ask,
    handler: Dispatcher.DispatchHandler,
  ): void {
    const options = {
      method,
      // Verbatim: undici parses no path that is given beside its origin (hardening.md M17).
      path,
      headers,
      body,
      // The connector knows the name; this keeps undici from making one of the Host header, and
      // from a new connection where that changes.
      servername: 'upstream',
      reset: reset ? true : null,
      upgrade,
    };
    this.#pool.dispatch(options as unknown as Dispatcher.DispatchOptions, handler);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  destroy(): Promise<void> {
    return this.#pool.destroy();
  }
}
