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
 * Hands connections that agreed on HTTP/2 to `h2`, and all others to what listens for connections of
 * the server so far: its own protocol, whose limits of time it arms itself. `http1` is told of these.
 */
export function divertByProtocol(
  server: Server,
  { h2, http1 }: Readonly<Record<'h2' | 'http1', (socket: TLSSocket) => void>>,
): void {
  const listeners = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') {
      h2(socket);
      return;
    }
    http1(socket);
    for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  });
}
