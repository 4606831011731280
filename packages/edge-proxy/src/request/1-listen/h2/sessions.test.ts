import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientExchange } from '../../client/exchange.ts';
import type { ClientConnection } from '../../exchange.ts';
import { block, endHeaders, endStream, FrameClient, types } from '../../testing/frames.ts';
import { TestPki } from '../../testing/pki.ts';
import { http2Limits } from './connection.ts';
import { Http2Sessions } from './sessions.ts';

/** A listener with nothing behind it; what it hands on is kept. */
class Listening {
  readonly sessions: Http2Sessions;
  readonly received: ClientExchange[] = [];
  readonly codes: string[] = [];
  readonly server: ReturnType<typeof createServer>;
  readonly #authority: string;

  constructor(server: ReturnType<typeof createServer>, authority: string) {
    this.server = server;
    this.#authority = authority;
    const client = { exchanges: new Set() } as unknown as ClientConnection;
    this.sessions = new Http2Sessions(() => client, {
      received: (_connection, _raw, exchange) => {
        this.received.push(exchange);
        client.exchanges.add(exchange as never);
        exchange.onClose(() => client.exchanges.delete(exchange as never));
      },
      unreadable: () => false,
      unanswerable: (_connection, code) => this.codes.push(code),
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => undefined);
      this.sessions.take(socket);
    });
  }

  static async start(): Promise<Listening> {
    const pki = await TestPki.create();
    const { cert, key } = await pki.servers('app.corp.test');
    const server = createServer({ cert, key, ALPNProtocols: ['h2'] });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Listening(server, pki.server.certificatePem);
  }

  async connect(): Promise<FrameClient> {
    const socket = connect({
      port: (this.server.address() as AddressInfo).port,
      host: '127.0.0.1',
      ca: this.#authority,
      servername: 'app.corp.test',
      ALPNProtocols: ['h2'],
    });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return new FrameClient(socket);
  }

  async stop(): Promise<void> {
    this.sessions.close();
    this.server.close();
  }
}

let listening: Listening;
beforeEach(async () => {
  listening = await Listening.start();
});
afterEach(() => listening.stop());

const request = block([
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'app.corp.test'],
  [':path', '/'],
]);

function later(milliseconds: number): number {
  return performance.now() + milliseconds + 1;
}

describe('a connection of HTTP/2 that takes its time (row 134)', () => {
  it('is left where it asks for nothing, and closed where the client does not', async () => {
    const raw = await listening.connect();
    await raw.first(types.settings, 0);
    listening.sessions.sweep(later(http2Limits.headers - 1_000));
    expect(raw.socket.destroyed).toBe(false);
    listening.sessions.sweep(later(http2Limits.headers));
    await raw.first(types.goAway, 0);
    listening.sessions.sweep(later(http2Limits.farewell));
    await raw.closed();
    expect(listening.codes).toEqual([]);
  });

  it('may be idle longer once it has asked for something', async () => {
    const raw = await listening.connect();
    raw.send(types.headers, endHeaders | endStream, 1, request);
    await expect.poll(() => listening.received.length).toBe(1);
    listening.sessions.sweep(later(http2Limits.age / 2));
    expect(raw.socket.destroyed).toBe(false);
    listening.received[0]?.answer(204, [], null, 0);
    await raw.first(types.headers, 1);
    listening.sessions.sweep(later(http2Limits.age / 2 + http2Limits.idle - 1_000));
    expect(raw.frames.all.some(({ type }) => type === types.goAway)).toBe(false);
    listening.sessions.sweep(later(http2Limits.age / 2 + http2Limits.idle));
    await raw.first(types.goAway, 0);
  });

  it('is ended and recorded where its headers do not come to an end', async () => {
    const raw = await listening.connect();
    raw.send(types.headers, 0, 1, request.subarray(0, 10));
    // What comes behind it on the wire has been read too.
    await raw.first(types.settings, 0);
    await expect
      .poll(() => {
        listening.sessions.sweep(later(http2Limits.headers));
        return raw.socket.destroyed;
      })
      .toBe(true);
    expect(listening.received).toEqual([]);
  });

  it('is left when it is old, and what is under way goes on', async () => {
    const raw = await listening.connect();
    raw.send(types.headers, endHeaders | endStream, 1, request);
    await expect.poll(() => listening.received.length).toBe(1);
    listening.sessions.sweep(later(http2Limits.age * 1.2));
    await raw.first(types.goAway, 0);
    listening.sessions.sweep(later(http2Limits.age * 2));
    listening.received[0]?.answer(200, ['x-a', 'b'], Buffer.from('hello'), 0);
    const data = await raw.first(types.data, 1);
    expect(data.payload.toString()).toBe('hello');
  });
});
