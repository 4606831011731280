import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer } from 'node:tls';

/** Of records as JSON, wherever they stand. */
export function idsIn(text: string): readonly string[] {
  return [...text.matchAll(/"correlationId":"(req_[0-9a-z]+)"/g)].map(([, id = '']) => id);
}

/** What a syslog server does, and what it has got. */
export interface SyslogState {
  blocked: boolean;
  /** Correlation ids, as often as they came. */
  readonly taken: string[];
}

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A syslog server over TLS: it confirms a batch by closing the connection when it has all of it. While
 * it is blocked it takes connections and reads nothing.
 */
export async function syslogServer(
  cert: string,
  key: string,
): Promise<Listening & { readonly state: SyslogState }> {
  const state: SyslogState = { blocked: false, taken: [] };
  const server = createServer({ cert, key, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    if (state.blocked) return;
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => {
      state.taken.push(...idsIn(Buffer.concat(chunks).toString('utf8')));
      socket.end();
    });
  });
  return { ...(await listening(server)), state };
}

/** Listens on a port of its own; `close` ends connections too. */
export async function listening(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
