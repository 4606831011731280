import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Received } from '../exchange.ts';
import { ExchangeList } from '../exchange-list.ts';
import { UnusedConnections, unusedMs } from './unused-connections.ts';

let server: Server;
let unused: UnusedConnections;
const clients: Socket[] = [];
beforeEach(async () => {
  unused = new UnusedConnections();
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  unused.close();
  for (const client of clients.splice(0)) client.destroy();
  server.close();
});

async function watched() {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  clients.push(client);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const exchanges = new ExchangeList();
  unused.watch(socket, { exchanges });
  return { client, socket, exchanges };
}

const soon = () => performance.now() + unusedMs - 1_000;
const later = () => performance.now() + unusedMs + 1_000;

describe('a connection on which nothing is asked (row 134)', () => {
  it('is closed after a while, whatever is sent on it', async () => {
    const { client, socket } = await watched();
    unused.sweep(soon());
    expect(socket.destroyed).toBe(false);
    client.write('\r\n');
    await once(socket, 'data');
    unused.sweep(later());
    await once(client, 'close');
  });

  it('is left alone as long as something is under way on it', async () => {
    const { socket, exchanges } = await watched();
    const value = {} as Received;
    exchanges.add(value);
    unused.sweep(later());
    exchanges.delete(value);
    unused.sweep(later());
    expect(socket.destroyed).toBe(false);
    unused.sweep(later() + unusedMs);
    expect(socket.destroyed).toBe(true);
  });

  it('counts from its last answer on', async () => {
    const { socket } = await watched();
    const begun = later();
    await new Promise((done) => socket.write('answer', done));
    unused.sweep(begun);
    unused.sweep(begun + unusedMs - 1);
    expect(socket.destroyed).toBe(false);
    unused.sweep(begun + unusedMs + 1);
    expect(socket.destroyed).toBe(true);
  });
});
