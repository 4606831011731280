import type { Server, Socket } from 'node:net';
import type { FrontProxies } from '../../state/current.ts';
import { isIn } from '../forwards.ts';
import type { TurnedAwayCode } from '../words.ts';
import type { Admission } from './admission.ts';
import { peerAddress } from './peer-address.ts';
import { takeProxyHeader } from './take-proxy-header.ts';

const headerMs = 5_000;

/** Both ends of a connection: what a TLS socket and the socket beneath it have in common. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>;

/**
 * Connections before their TLS handshake, as far as there is room for them. Those from front proxies
 * have to say whom they speak for; all others go to TLS at once, on the sockets that Node made.
 */
export class FrontConnections {
  readonly #fronts: () => FrontProxies;
  readonly #admission: Admission;
  readonly #turnedAway: (sourceAddress: string, code: TurnedAwayCode) => void;
  /** Clients by the ends of the connection, as long as it is there. */
  readonly #clients = new Map<string, { readonly socket: Socket; readonly address: string }>();
  readonly #waiting = new Set<Socket>();

  constructor(
    fronts: () => FrontProxies,
    admission: Admission,
    turnedAway: (sourceAddress: string, code: TurnedAwayCode) => void,
  ) {
    this.#fronts = fronts;
    this.#admission = admission;
    this.#turnedAway = turnedAway;
  }

  /** Stands in front of everything that listens for the server's connections so far. */
  guard(server: Server): void {
    const listeners = server.listeners('connection');
    server.removeAllListeners('connection');
    const proceed = (socket: Socket): void => {
      for (const listener of listeners) Reflect.apply(listener, server, [socket]);
    };
    server.on('connection', (socket: Socket) => {
      if (!this.#admission.admit(socket)) return;
      const proxyV2 = this.#proxyV2();
      const address = peerAddress(socket);
      if (proxyV2 === null || address === null) return void socket.destroy();
      if (isIn(proxyV2, address)) this.#take(socket, address, proceed);
      else if (this.#admission.admitFrom(socket, address)) proceed(socket);
    });
  }

  /** null: who they are cannot be told, and so nobody is served. */
  #proxyV2(): FrontProxies['proxyV2'] | null {
    try {
      return this.#fronts().proxyV2;
    } catch {
      return null;
    }
  }

  #take(socket: Socket, front: string, proceed: (socket: Socket) => void): void {
    this.#waiting.add(socket);
    socket.on('error', ignore);
    takeProxyHeader(socket, headerMs, (taken) => {
      this.#waiting.delete(socket);
      if (taken.kind === 'client') {
        const address = taken.address ?? front;
        if (!this.#admission.admitFrom(socket, address)) return;
        this.#remember(socket, address);
        proceed(socket);
        return;
      }
      socket.destroy();
      if (taken.kind === 'refused') this.#turnedAway(front, taken.code);
    });
  }

  #remember(socket: Socket, address: string): void {
    const key = keyOf(socket);
    this.#clients.set(key, { socket, address });
    socket.once('close', () => {
      // The same ends may have met again already.
      if (this.#clients.get(key)?.socket === socket) this.#clients.delete(key);
    });
  }

  /** Whom the front proxy speaks for, perhaps itself; null: nobody was asked to say it. */
  clientOf(socket: Ends): string | null {
    return this.#clients.size === 0 ? null : (this.#clients.get(keyOf(socket))?.address ?? null);
  }

  /** Ends those that have not said yet whom they speak for. */
  destroy(): void {
    for (const socket of this.#waiting) socket.destroy();
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function ignore(): void {
  // The connection ends with `close`.
}
