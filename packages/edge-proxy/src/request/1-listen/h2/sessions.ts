import type { TLSSocket } from 'node:tls';
import type { ClientConnection } from '../../exchange.ts';
import type { RequestEvents } from '../http1.ts';
import { Http2Connection } from './connection.ts';

const sweepMs = 2_000;

/** All connections that agreed on HTTP/2. They are listened for elsewhere, and told by ALPN. */
export class Http2Sessions {
  readonly #find: (socket: TLSSocket) => ClientConnection | null;
  readonly #events: RequestEvents;
  readonly #connections = new Set<Http2Connection>();
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  /** `find`: whose connection it is; null: nobody's who can be served. */
  constructor(find: (socket: TLSSocket) => ClientConnection | null, events: RequestEvents) {
    this.#find = find;
    this.#events = events;
    this.#timer = setInterval(() => this.sweep(performance.now()), sweepMs);
    this.#timer.unref();
  }

  take(socket: TLSSocket): void {
    const client = this.#find(socket);
    if (client === null || socket.destroyed) {
      socket.destroy();
      return;
    }
    const connection = new Http2Connection(client, socket, this.#events);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    if (this.#stopped) connection.leave();
  }

  /** Looks after each; `nowMs` as by performance.now(). */
  sweep(nowMs: number): void {
    for (const connection of this.#connections) connection.sweep(nowMs);
  }

  /** Takes no more requests; what is under way goes on. */
  stop(): void {
    this.#stopped = true;
    for (const connection of this.#connections) connection.leave();
  }

  /** Once nothing is left of the connections. */
  close(): void {
    clearInterval(this.#timer);
  }
}
