import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { createLog } from '@sallyport/shared/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientConnection } from '../exchange.ts';
import { ExchangeList } from '../exchange-list.ts';
import { TestPki } from '../testing/pki.ts';
import { Handshakes } from './handshakes.ts';
import type { RefusedHandshake } from './refused-handshakes.ts';

let server: Server;
let looked: () => ClientConnection | 'tls_failed' | null;
let refused: (RefusedHandshake | string)[];
let logged: string[];
let handshakes: Handshakes;
beforeEach(async () => {
  const { cert, key } = await (await TestPki.create()).servers('app.corp.test');
  server = createServer({ cert, key });
  refused = [];
  logged = [];
  handshakes = new Handshakes(
    () => looked(),
    (why) => {
      if (why === 'tls_failed') throw new TypeError('of a refusal');
      return null;
    },
    { refused: (handshake) => refused.push(handshake), closed: () => undefined },
    createLog('info', {}, (line) => logged.push(line)),
  );
  handshakes.watch(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  await handshakes.destroy();
  server.close();
});

function open(): TLSSocket {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => undefined);
  socket.resume();
  return socket;
}

describe('a finished handshake', () => {
  it('of a client that has gone meanwhile leaves nothing behind', async () => {
    looked = () => null;
    await once(open(), 'close');
    expect([handshakes.size, refused, logged]).toEqual([0, [], []]);
  });

  it.each([
    [
      'that cannot be looked at',
      () => {
        throw new TypeError('of a connection');
      },
    ],
    ['whose refusal cannot be written down', () => 'tls_failed' as const],
  ])('%s ends its connection, and nothing else (row 141)', async (_name, look) => {
    looked = look;
    await once(open(), 'close');
    expect(handshakes.size).toBe(0);
    expect(logged.join('')).toMatch(/handshake_not_read.*TypeError/);
    looked = () => ({ exchanges: new ExchangeList() }) as unknown as ClientConnection;
    const served = open();
    await expect.poll(() => handshakes.size).toBe(1);
    served.destroy();
    await expect.poll(() => handshakes.size).toBe(0);
  });
});
