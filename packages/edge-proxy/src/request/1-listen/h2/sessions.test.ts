import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientExchange } from '../../client/exchange.ts';
import type { ClientConnection, Received } from '../../exchange.ts';
import { ExchangeList } from '../../exchange-list.ts';
import { block, endHeaders, endStream, FrameClient, types } from '../../testing/frames.ts';
import { TestPki } from '../../testing/pki.ts';
import { http2Limits } from './limits.ts';
import { http2Options } from './options.ts';
import { Http2Sessions } from './sessions.ts';
import { silenceLimits } from './silence.ts';

/** A listener with nothing behind it; what it hands on is kept. */
class Listening {
  readonly sessions: Http2Sessions;
  readonly received: ClientExchange[] = [];
  readonly codes: string[] = [];
  isOn = true;
  readonly server: ReturnType<typeof createServer>;
  readonly #authority: string;

  constructor(server: ReturnType<typeof createServer>, authority: string) {
    this.server = server;
    this.#authority = authority;
    const client = { exchanges: new ExchangeList() } as unknown as ClientConnection;
    this.sessions = new Http2Sessions(
      () => client,
      () => this.isOn,
      {
        received: (_connection, _raw, exchange) => {
          this.received.push(exchange);
          const value = { progress: { ending: null } } as unknown as Received;
          client.exchanges.add(value);
          exchange.onClose(() => client.exchanges.delete(value));
        },
        unreadable: () => false,
        unanswerable: (_connection, code) => this.codes.push(code),
      },
    );
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
    return FrameClient.begin(socket);
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

describe('bodies that nobody reads yet (RFC 9113, 6.9.1)', () => {
  const windowBytes = http2Options.settings.initialWindowSize;
  const flowControl = 3;

  /** Fills the window of a stream, in frames of a useful size. */
  function fill(raw: FrameClient, streamId: number): void {
    raw.send(types.headers, endHeaders, streamId, request);
    for (let left = windowBytes; left > 0; left -= 16_384) {
      raw.send(types.data, 0, streamId, Buffer.alloc(Math.min(left, 16_384)));
    }
  }

  /** All that was sent has been taken, and the window of the connection is open again. */
  async function expectTaken(raw: FrameClient, streamId: number): Promise<void> {
    const mark = Buffer.alloc(8, streamId);
    raw.send(types.ping, 0, 0, mark);
    await raw.frames.first(({ type, payload }) => type === types.ping && payload.equals(mark));
  }

  async function expectTooMuch(raw: FrameClient, streamId: number): Promise<void> {
    raw.send(types.data, 0, streamId, Buffer.from('x'));
    expect((await raw.first(types.goAway, 0)).payload.readUInt32BE(4)).toBe(flowControl);
    await raw.closed();
  }

  it('may have 64 KiB each, and not a byte more', async () => {
    const raw = await listening.connect();
    fill(raw, 1);
    await expectTaken(raw, 1);
    await expectTooMuch(raw, 1);
  });

  it('are all that a connection can make us hold, on as many streams as there may be', async () => {
    const raw = await listening.connect();
    const before = process.memoryUsage.rss();
    for (let id = 1; id <= 199; id += 2) {
      fill(raw, id);
      if (id % 8 === 7) await expectTaken(raw, id);
    }
    expect(listening.received.length).toBe(100);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
    await expectTooMuch(raw, 199);
  });
});

describe('a client of HTTP/2 that says nothing', () => {
  it('is asked whether it is there while something is under way for it, and given up if not', async () => {
    const raw = await listening.connect();
    raw.send(types.headers, endHeaders | endStream, 1, request);
    await expect.poll(() => listening.received.length).toBe(1);
    const look = (times: number) => {
      for (let count = 0; count < times; count += 1) listening.sessions.sweep(later(0));
    };
    look(silenceLimits.ask);
    const asked = await raw.first(types.ping, 0);
    look(silenceLimits.gone - silenceLimits.ask - 5);
    raw.send(types.ping, 0x1, 0, asked.payload);
    raw.send(types.ping, 0, 0, Buffer.from('heard it'));
    await raw.frames.first(({ payload }) => payload.toString() === 'heard it');
    // All begins anew.
    look(silenceLimits.gone - 5);
    expect(raw.socket.destroyed).toBe(false);
    look(silenceLimits.gone);
    await raw.closed();
    expect(listening.codes).toEqual([]);
  });

  it('is left alone where nothing is', async () => {
    const raw = await listening.connect();
    await raw.first(types.settings, 0);
    for (let count = 0; count < 2 * silenceLimits.gone; count += 1) {
      listening.sessions.sweep(later(0));
    }
    raw.send(types.ping, 0, 0, Buffer.alloc(8));
    expect((await raw.first(types.ping, 0)).flags).toBe(1);
    raw.close();
  });
});

describe('a connection of HTTP/2 that is left', () => {
  it('is told so twice, and what came meanwhile is served (RFC 9113, 6.8)', async () => {
    const raw = await listening.connect();
    raw.send(types.headers, endHeaders | endStream, 1, request);
    await expect.poll(() => listening.received.length).toBe(1);
    listening.sessions.stop();
    const notice = await raw.first(types.goAway, 0);
    expect(notice.payload.toString('hex')).toBe('7fffffff00000000');
    // On its way when the notice was.
    raw.send(types.headers, endHeaders | endStream, 3, request);
    const asked = await raw.first(types.ping, 0);
    raw.send(types.ping, 0x1, 0, asked.payload);
    const last = await raw.frames.first(
      ({ type, payload }) => type === types.goAway && payload.readUInt32BE(0) !== 0x7fff_ffff,
    );
    expect(last.payload.toString('hex')).toBe('0000000300000000');
    expect(listening.received.length).toBe(2);
    raw.send(types.headers, endHeaders | endStream, 5, request);
    for (const exchange of listening.received) exchange.answer(204, [], null, 0);
    await raw.first(types.headers, 3);
    await raw.closed();
    expect([listening.received.length, listening.codes]).toEqual([2, []]);
    await expect.poll(() => listening.sessions.figures.ended.drained).toBe(1);
  });

  it('is closed also where the client does not answer', async () => {
    const raw = await listening.connect();
    raw.send(types.headers, endHeaders | endStream, 1, request);
    await expect.poll(() => listening.received.length).toBe(1);
    listening.sessions.stop();
    await raw.first(types.ping, 0);
    listening.sessions.sweep(later(http2Limits.notice));
    await raw.frames.first(
      ({ type, payload }) => type === types.goAway && payload.readUInt32BE(0) === 1,
    );
    raw.close();
  });

  it('is told nothing before the settings, where it comes while nothing is taken any more', async () => {
    listening.sessions.stop();
    const raw = await listening.connect();
    const [first] = [await raw.first(types.settings, 0)];
    expect(raw.frames.all[0]).toBe(first);
    await raw.closed();
  });

  it('goes when the protocol is turned off, and is cut where it stays', async () => {
    const idle = await listening.connect();
    const busy = await listening.connect();
    await idle.first(types.settings, 0);
    busy.send(types.headers, endHeaders | endStream, 1, request);
    await expect.poll(() => listening.received.length).toBe(1);
    listening.isOn = false;
    listening.sessions.sweep(later(0));
    await busy.first(types.goAway, 0);
    await idle.first(types.goAway, 0);
    listening.sessions.sweep(later(http2Limits.switchedOff - 1_000));
    expect(busy.socket.destroyed).toBe(false);
    listening.sessions.sweep(later(http2Limits.switchedOff));
    await Promise.all([idle.closed(), busy.closed()]);
    await expect.poll(() => listening.sessions.figures.ended.switched_off).toBe(2);
    expect(listening.sessions.figures).toMatchObject({ sessions: 0, streams: 0 });
  });
});
