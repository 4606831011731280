import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { Agent } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { ecKeys, extension, forge, forgeAuthority } from '@sallyport/shared/pki/forge';
import { afterEach, describe, expect, it } from 'vitest';
import { clientHello, nameEntry, nameList } from './request/testing/client-hello.ts';
import { neverOverloaded, OpenEdge, openHost, report } from './testing/open-edge.ts';

/** Rows of abuse at the size that they name, against an edge process; what was measured is printed. */
let edge: OpenEdge;
let clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  await edge.stop();
});

/** Milliseconds of each of so many requests, one after the other, half of them on new connections. */
async function timesOf(count: number): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const startedAt = performance.now();
    expect(await edge.ask(at % 2 === 0 ? agent : false)).toBe(200);
    times.push(performance.now() - startedAt);
  }
  agent.destroy();
  return times.toSorted((a, b) => a - b);
}

const share = (times: readonly number[], of: number) =>
  times[Math.floor((times.length - 1) * of)] ?? 0;

describe('5,000 clients that do not come to the end of a handshake (row 21)', () => {
  const count = 5_000;
  const hello = clientHello(nameList(nameEntry(openHost)));
  const kinds: readonly Buffer[] = [Buffer.alloc(0), hello.subarray(0, hello.length / 2), hello];

  /** From so many addresses that none of them has more than it may. */
  async function openMany(): Promise<void> {
    const { port } = edge.listening;
    for (let at = 0; at < count; at += 1) {
      const localAddress = `127.0.1.${1 + (at % 20)}`;
      const socket = connectTcp({ host: '127.0.0.1', port, localAddress });
      // Reset or ended, it is gone.
      socket.on('error', () => undefined).resume();
      clients.push(socket);
      if (at % 100 === 99) await once(socket, 'connect');
      socket.write(kinds[at % kinds.length] ?? hello);
    }
  }

  it('are cut off within the time for it, while all others are answered', async () => {
    edge = await OpenEdge.start({ environment: neverOverloaded });
    await timesOf(100);
    const before = await timesOf(200);
    const memory = edge.residentMib();
    const startedAt = performance.now();
    await openMany();
    const open = () => clients.filter((socket) => !socket.destroyed).length;
    const openedMs = performance.now() - startedAt;
    const mostOpen = open();
    const during = await timesOf(200);
    const most = edge.residentMib();
    expect(mostOpen).toBeGreaterThan(count * 0.9);
    await expect.poll(open, { timeout: 30_000 }).toBe(0);
    const gone = performance.now() - startedAt;
    const after = await timesOf(200);
    report('row 21', {
      'open at once': mostOpen,
      'opened within ms': openedMs,
      'all closed after ms': gone,
      'others before, p50 us': share(before, 0.5) * 1_000,
      p99: share(before, 0.99) * 1_000,
      'with them, p50 us': share(during, 0.5) * 1_000,
      ' p99': share(during, 0.99) * 1_000,
      'after, p50 us': share(after, 0.5) * 1_000,
      '  p99': share(after, 0.99) * 1_000,
      'MiB more': most - memory,
    });
    // 64 KiB each.
    expect(most - memory).toBeLessThan(count / 16);
  }, 120_000);
});

describe('certificates without measure (row 23)', () => {
  const times = 10_000;

  it('are refused 10,000 times, and leave nothing behind', async () => {
    edge = await OpenEdge.start();
    const leaf = forge({});
    const others = Array.from({ length: 99 }, () => forgeAuthority().pem).join('');
    const large = forge({ more: [extension('1.2.3.4', new Uint8Array(65_536))] });
    const explicit = forge({ keys: ecKeys('P-256', 'explicit') });
    const contexts = [
      { cert: leaf.pem + others, of: leaf },
      { cert: large.pem, of: large },
      { cert: explicit.pem, of: explicit },
    ].map(({ cert, of }) => {
      const key = of.keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      return createSecureContext({ cert, key });
    });
    let answered = 0;
    const show = async (at: number): Promise<void> => {
      const socket = connectTls({
        ...{ host: '127.0.0.1', port: edge.listening.port, servername: openHost },
        ...{ secureContext: contexts[at % contexts.length], rejectUnauthorized: false },
      });
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        if (!chunk.includes('HTTP/1.1 403')) answered += 1;
        socket.destroy();
      });
      socket.write(`GET / HTTP/1.1\r\nHost: ${openHost}\r\nConnection: close\r\n\r\n`);
      await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    };
    const run = async (count: number): Promise<void> => {
      let at = 0;
      const one = async (): Promise<void> => {
        while (at < count) {
          at += 1;
          await show(at);
        }
      };
      await Promise.all(Array.from({ length: 8 }, one));
    };
    // Until what is kept of the first, as compiled code and pools, is there.
    await run(1_500);
    const before = edge.residentMib();
    const startedAt = performance.now();
    await run(times);
    const ranMs = performance.now() - startedAt;
    expect(answered).toBe(0);
    expect(await edge.ask()).toBe(200);
    const grown = () => edge.residentMib() - before;
    report('row 23', { times, 'within ms': ranMs, 'MiB more': grown() });
    // What V8 lets its heap grow by before it collects all of it (ADR 19), and not 140 KiB for each.
    await expect.poll(grown, { timeout: 10_000 }).toBeLessThan(times / 64);
  }, 400_000);
});

describe('200 clients that read 1 kB a second of 256 MiB each (row 135)', () => {
  const count = 200;
  const answerMib = 256;
  const idle = '20s';
  let produced = 0;

  function* large(): Generator<Buffer> {
    const chunk = Buffer.alloc(2 ** 20, 'z');
    for (let mib = 0; mib < answerMib; mib += 1) {
      produced += 1;
      yield chunk;
    }
  }

  /** Begins to read, and gives what to read from. */
  const openOver = {
    'http/1.1': async (): Promise<Readable> => {
      const socket = await edge.connect();
      clients.push(socket);
      socket.write(`GET /large HTTP/1.1\r\nHost: ${openHost}\r\n\r\n`);
      return socket;
    },
    h2: async (): Promise<Readable> => {
      const socket = await edge.connect('h2');
      clients.push(socket);
      const session = connectHttp2(`https://${openHost}`, { createConnection: () => socket });
      session.on('error', () => undefined);
      const stream = session.request({ ':path': '/large' });
      stream.on('error', () => undefined);
      return stream;
    },
  };

  it.each(['http/1.1', 'h2'] as const)(
    'hold 1 MiB each at the most, and are cut off in the end, over %s',
    async (protocol) => {
      edge = await OpenEdge.start({
        environment: neverOverloaded,
        listener: { slowClients: { responseIdle: idle } },
        upstream: (request, response) => {
          if (request.url === '/large') Readable.from(large()).pipe(response);
          else response.end('ok');
        },
      });
      await timesOf(50);
      const before = edge.residentMib();
      const open = Array.from({ length: count }, () => openOver[protocol]());
      const readers = await Promise.all(open);
      let [read, most, asked] = [0, before, 0];
      const timer = setInterval(() => {
        for (const reader of readers) {
          const chunk = reader.read(1_024) as Buffer | null;
          read += chunk?.length ?? 0;
        }
      }, 1_000);
      const { all } = edge.process.lines;
      const cutOff = () => all.filter(({ ending }) => ending === 'client_too_slow').length;
      const look = async (): Promise<number> => {
        most = Math.max(most, edge.residentMib());
        expect(await edge.ask()).toBe(200);
        asked += 1;
        return cutOff();
      };
      await expect.poll(look, { timeout: 150_000, interval: 250 }).toBe(count);
      clearInterval(timer);
      report(`row 135, ${protocol}`, {
        'kB read by them': read / 1_024,
        'MiB that left the upstream': produced,
        'MiB that the edge grew by': most - before,
        'others that were served meanwhile': asked,
      });
      expect(most - before).toBeLessThan(count);
      expect(await edge.figure('sallyport_edge_open_exchanges')).toBe(0);
    },
    180_000,
  );
});
