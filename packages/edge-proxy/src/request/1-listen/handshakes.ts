import type { Duplex } from 'node:stream';
import type { Server, TLSSocket } from 'node:tls';
import type { Log } from '@sallyport/shared/log';
import type { ClientConnection } from '../exchange.ts';
import type { HandshakeCode } from '../words.ts';
import type { RefusedHandshake } from './refused-handshakes.ts';

/** What handshakes come to. */
export interface HandshakeEvents {
  /** A connection that was ended before it could carry a request. */
  refused(handshake: RefusedHandshake): void;
  closed(connection: ClientConnection): void;
}

/** The connections whose handshake is finished, from then to their end. */
export class Handshakes {
  readonly #connections = new Map<TLSSocket, ClientConnection>();
  readonly #look: (socket: TLSSocket) => ClientConnection | HandshakeCode | null;
  readonly #lookAtRefused: (
    why: Error | HandshakeCode,
    socket: TLSSocket,
  ) => RefusedHandshake | null;
  readonly #events: HandshakeEvents;
  readonly #log: Log;

  /** `look`: a code where the connection cannot be served; null: its client has gone. */
  constructor(
    look: (socket: TLSSocket) => ClientConnection | HandshakeCode | null,
    lookAtRefused: (why: Error | HandshakeCode, socket: TLSSocket) => RefusedHandshake | null,
    events: HandshakeEvents,
    log: Log,
  ) {
    this.#look = look;
    this.#lookAtRefused = lookAtRefused;
    this.#events = events;
    this.#log = log;
  }

  get size(): number {
    return this.#connections.size;
  }

  connections(): Iterable<ClientConnection> {
    return this.#connections.values();
  }

  find(socket: TLSSocket): ClientConnection | null {
    return this.#connections.get(socket) ?? null;
  }

  /** Notes each finished handshake before anything reads from it. */
  watch(server: Server): void {
    server.prependListener('secureConnection', (socket: TLSSocket) => this.#take(socket));
    server.on('tlsClientError', (error, socket) => this.#refuse(error, socket));
    // Before the handshake is through there is no TLS socket to hear of it.
    server.on('connection', (socket: Duplex) => socket.on('error', ignore));
  }

  /** Destroys all connections; resolves when the last has gone. */
  async destroy(): Promise<void> {
    const sockets = [...this.#connections.keys()];
    const gone = sockets.map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    for (const socket of sockets) socket.destroy();
    await Promise.all(gone);
  }

  #take(socket: TLSSocket): void {
    // Stays to the end: an upgrade takes Node's own handlers away (CVE-2025-59465).
    socket.on('error', ignore);
    const connection = this.#orNull(() => this.#look(socket));
    if (connection === null) {
      socket.destroy();
      return;
    }
    if (typeof connection === 'string') {
      this.#refuse(connection, socket);
      return;
    }
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#events.closed(connection);
    });
  }

  #refuse(why: Error | HandshakeCode, socket: TLSSocket): void {
    const refused = this.#orNull(() => this.#lookAtRefused(why, socket));
    socket.destroy();
    if (refused !== null) this.#events.refused(refused);
  }

  /** What a client sends is looked at in events of its socket: thrown there, it would end the process. */
  #orNull<Value>(look: () => Value): Value | null {
    try {
      return look();
    } catch (error) {
      this.#log.error('handshake_not_read', { error });
      return null;
    }
  }
}

function ignore(): void {
  // The connection ends with `close`, where its exchanges are ended too.
}
