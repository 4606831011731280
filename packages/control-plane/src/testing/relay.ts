import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll } from 'vitest';

/** A TCP relay to a database, which a test can break. */
export interface Relay {
  /** The URL of the database by way of the relay. */
  readonly url: string;
  /** Open connections break, new ones are refused. */
  cut(): void;
  /** Nothing gets through any more, and nothing says so. */
  stall(): void;
  restore(): void;
}

const relays: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of relays.splice(0)) await close();
});

export async function startRelay(databaseUrl: string): Promise<Relay> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let mode: 'open' | 'cut' | 'stalled' = 'open';
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    return socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    track(client);
    if (mode === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const upstream = track(connect(Number(target.port), target.hostname));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
    if (mode === 'stalled') client.unpipe(upstream).pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relays.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cut() {
      mode = 'cut';
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stall() {
      mode = 'stalled';
      for (const socket of sockets) socket.unpipe().pause();
    },
    restore() {
      mode = 'open';
      // What was stalled stays lost, as it does behind a firewall that forgot it.
      for (const socket of sockets) if (socket.isPaused()) socket.destroy();
    },
  };
}
