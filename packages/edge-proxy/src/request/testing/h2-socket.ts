import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { TestEdge } from './edge.ts';
import type { Identity } from './pki.ts';

/** A connection that agreed on HTTP/2; nothing has been said over it yet. */
export async function secureSocket(
  edge: TestEdge,
  servername: string,
  device: Identity | null,
  over?: Socket,
): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: edge.port,
    ca: edge.pki.server.certificatePem,
    servername,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
    ...(over === undefined ? {} : { socket: over }),
    ...(device === null ? {} : { cert: device.cert, key: device.key }),
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Waits for the end of a connection, whatever it came by. */
export async function closed(socket: TLSSocket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}
