import type { TLSSocket } from 'node:tls';
import type { ClientConnection } from '../../exchange.ts';
import type { RequestEvents } from '../http1.ts';
import { Http2Connection } from './connection.ts';
import { Http2Counts, type Http2Figures, type SessionEnd } from './counts.ts';

const sweepMs = 2_000;

/** All connections that agreed on HTTP/2. They are listened for elsewhere, and told by ALPN. */
export class Http2Sessions {
  readonly #find: (socket: TLSSocket) => ClientConnection | null;
  readonly #isOn: () => boolean;
  readonly #events: RequestEvents;
  readonly #connections = new Set<Http2Connection>();
  readonly #counts = new Http2Counts();
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  /**
   * `find`: whose connection it is; null: nobody's who can be served. `isOn`: whether the protocol
   * is spoken now.
   */
  constructor(
    find: (socket: TLSSocket) => ClientConnection | null,
    isOn: () => boolean,
    events: RequestEvents,
  ) {
    this.#find = find;
    this.#isOn = isOn;
    this.#events = events;
    this.#timer = setInterval(() => this.sweep(performance.now()), sweepMs);
    this.#timer.unref();
  }

  get figures(): Http2Figures {
    let streams = 0;
    for (const connection of this.#connections) streams += connection.streams;
    const { endings: ended, floods } = this.#counts;
    return { sessions: this.#connections.size, streams, ended, floods };
  }

  take(socket: TLSSocket): void {
    const client = this.#find(socket);
    if (client === null || socket.destroyed) {
      socket.destroy();
      return;
    }
    const connection = new Http2Connection(client, socket, this.#events, this.#counts);
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    if (this.#stopped) connection.leave('drained');
    else if (!this.#isOn()) connection.leave('switched_off');
  }

  /** Leaves all where the protocol has been turned off. */
  look(): void {
    if (!this.#isOn()) this.#leaveAll('switched_off');
  }

  /** Looks after each; `nowMs` as by performance.now(). */
  sweep(nowMs: number): void {
    this.look();
    for (const connection of this.#connections) connection.sweep(nowMs);
  }

  /** Takes no more requests; what is under way goes on. */
  stop(): void {
    this.#stopped = true;
    this.#leaveAll('drained');
  }

  /** Resolves when, after `stop`, no more requests can come: clients know, and what they sent is here. */
  async quiet(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.quiet()));
  }

  /** Once nothing is left of the connections. */
  close(): void {
    clearInterval(this.#timer);
  }

  #leaveAll(why: SessionEnd): void {
    for (const connection of this.#connections) connection.leave(why);
  }
}
