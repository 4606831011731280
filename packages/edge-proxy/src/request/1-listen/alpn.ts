import type { Server, TLSSocket } from 'node:tls';

/**
 * Chooses the protocol from those that a client offers in its handshake, the better one first;
 * undefined: none of them is spoken here, and it ends in an alert. `http2`: whether that is, now.
 */
export function protocolChooser(
  http2: () => boolean,
): (offer: { readonly protocols: readonly string[] }) => string | undefined {
  return ({ protocols }) => {
    if (protocols.includes('h2') && http2()) return 'h2';
    return protocols.includes('http/1.1') ? 'http/1.1' : undefined;
  };
}

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
