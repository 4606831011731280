import type { Server, TLSSocket } from 'node:tls';

/** What a client chooses from in its handshake, the better one first. */
export const alpnProtocols = ['h2', 'http/1.1'];

/**
 * Hands connections that agreed on HTTP/2 to `take`, and all others to what listens for connections
 * of the server so far: its own protocol, whose limits of time it arms itself.
 */
export function divertHttp2(server: Server, take: (socket: TLSSocket) => void): void {
  const listeners = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') take(socket);
    else for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  });
}
