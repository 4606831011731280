import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { OpenEdge, openHost, report } from './testing/open-edge.ts';

/** An edge process with clients that take up its connections; what was measured is printed. */
let edge: OpenEdge;
let clients: Socket[] = [];
/** Answers that the upstream has not given yet. */
let held: ServerResponse[] = [];
afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  held = [];
  await edge.stop();
});

function openMany(count: number): Socket[] {
  const { port } = edge.listening;
  const sockets = Array.from({ length: count }, () => connectTcp(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => undefined);
  clients.push(...sockets);
  return sockets;
}

async function expectHealthy(): Promise<void> {
  for (const path of ['healthz', 'readyz', 'metrics']) expect(await edge.ops(path)).toBe(200);
}

const refused = () => edge.figure('sallyport_edge_connections_refused_total{reason="descriptors"}');

it.each([
  { descriptors: 256, tried: 1_500, rounds: 5 },
  { descriptors: 1_024, tried: 10_000, rounds: 10 },
])(
  'F27 with $descriptors file descriptors and $tried connections it answers who is there, enforces, and lets others in again (row 145)',
  async ({ descriptors, tried, rounds }) => {
    edge = await OpenEdge.start({ prefix: ['prlimit', `--nofile=${descriptors}:${descriptors}`] });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await edge.ask(agent)).toBe(200);
    const used = edge.processorSeconds();
    // They come again and again; those that are let in stay, and ask for nothing.
    const each = tried / rounds;
    for (let round = 1; round <= rounds; round += 1) {
      openMany(each);
      const least = each * round - descriptors / 2;
      await expect.poll(refused, { timeout: 20_000 }).toBeGreaterThan(least);
      expect(await edge.ask(agent)).toBe(200);
      await expectHealthy();
    }
    expect(await edge.ask()).toBe(0);
    const enforcedMs = await edge.enforcedMs();
    const processorMs = (edge.processorSeconds() - used) * 1_000;
    agent.destroy();
    for (const client of clients) client.destroy();
    const endedAt = performance.now();
    await expect.poll(() => edge.ask(), { timeout: 20_000 }).toBe(200);
    report('F27', {
      'refused of those that were tried': await refused(),
      tried,
      'ms of a processor': processorMs,
      'revocation enforced within ms': enforcedMs,
      'letting in again after ms': performance.now() - endedAt,
    });
  },
  180_000,
);

const answerMib = 64;
function* large(): Generator<Buffer> {
  const chunk = Buffer.alloc(2 ** 20, 'z');
  for (let mib = 0; mib < answerMib; mib += 1) yield chunk;
}

it('F27 with requests that take every connection to upstreams, it lets clients in, is healthy and enforces', async () => {
  edge = await OpenEdge.start({
    prefix: ['prlimit', '--nofile=256:256'],
    upstream: (request, response) => {
      if (request.url === '/held') held.push(response);
      else response.end('ok');
    },
  });
  const { listening, publicCa } = edge;
  const sessions = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const options = { servername: openHost, ca: publicCa };
      const session = connectHttp2(`https://127.0.0.1:${listening.port}`, options);
      session.on('error', () => undefined);
      await once(session, 'connect');
      return session;
    }),
  );
  const statuses = sessions.flatMap((session) =>
    Array.from({ length: 80 }, async () => {
      const stream = session.request({ ':path': '/held', ':authority': openHost });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      return headers[':status'];
    }),
  );
  // A third is its own, and half of the others for upstreams.
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(85);
  expect(await edge.figure('sallyport_edge_upstream_connections')).toBe(85);
  const busy = () => edge.figure('sallyport_edge_upstream_busy_total{reason="connections"}');
  await expect.poll(busy, { timeout: 20_000 }).toBe(3 * 80 - 85);
  await expectHealthy();
  expect(await edge.ask()).toBe(503);
  await edge.enforcedMs();
  for (const response of held) response.end('ok');
  const all = await Promise.all(statuses);
  expect([200, 503].map((status) => all.filter((one) => one === status).length)).toEqual([85, 155]);
  for (const session of sessions) session.destroy();
  expect(await edge.ask()).toBe(200);
}, 120_000);

it('F33 with clients that read nothing of large answers, it holds little, serves others, and ends them', async () => {
  edge = await OpenEdge.start({
    listener: { slowClients: { responseIdle: '5s' } },
    upstream: (request, response) => {
      if (request.url === '/large') Readable.from(large()).pipe(response);
      else response.end('ok');
    },
  });
  expect(await edge.ask()).toBe(200);
  const before = edge.residentMib();
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = await edge.connect();
      clients.push(client);
      client.write(`GET /large HTTP/1.1\r\nHost: ${openHost}\r\n\r\n`);
      client.pause();
    }),
  );
  const open = () => edge.figure('sallyport_edge_open_exchanges');
  await expect.poll(open, { timeout: 10_000 }).toBe(100);
  let most = edge.residentMib();
  await expect
    .poll(
      async () => {
        most = Math.max(most, edge.residentMib());
        expect(await edge.ask()).toBe(200);
        return open();
      },
      { timeout: 60_000, interval: 200 },
    )
    .toBe(0);
  report('F33', { 'answers of 64 MiB': 100, 'MiB that it grew by': most - before });
  // Of 6,400 that were asked for.
  expect(most - before).toBeLessThan(640);
}, 120_000);

it('F27 when the kernel has no more descriptors (EMFILE), it answers who is there, does not spin, and lets others in again', async () => {
  edge = await OpenEdge.start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  /** Also keeps the connections in use that are needed: this client's, to the upstream, to operations. */
  const expectServed = async () => {
    expect([await edge.ask(agent), await refused()]).toEqual([200, 0]);
  };
  await expectHealthy();
  // Any other is let go after three seconds, and would make room for a client more.
  for (let half = 0; half < 8; half += 1) {
    await expectServed();
    await sleep(500);
  }
  // Less than what it reckoned with when it was started: nothing of ours turns anybody away.
  const most = edge.descriptors() + 10;
  const limit = (soft: number) =>
    execFileSync('prlimit', ['--pid', String(edge.listening.pid), `--nofile=${soft}:`]);
  limit(most);
  // One is kept back by libuv, so that it can take connections and close them.
  const isFull = () =>
    expect.poll(() => edge.descriptors(), { timeout: 10_000 }).toBeGreaterThanOrEqual(most - 1);
  const sockets = openMany(500);
  await isFull();
  const closed = () => sockets.filter((socket) => socket.destroyed).length;
  const closedMeanwhile = async () => {
    await expectServed();
    return closed();
  };
  await expect.poll(closedMeanwhile, { timeout: 10_000 }).toBeGreaterThanOrEqual(490);
  const [usedBefore, fromMs] = [edge.processorSeconds(), performance.now()];
  await expect
    .poll(() => performance.now() - fromMs, { timeout: 10_000, interval: 500 })
    .toBeGreaterThan(4_000);
  const spun = edge.processorSeconds() - usedBefore;
  expect(spun).toBeLessThan(2);
  await expectServed();
  // By the connections that are open: a new one is closed like all others.
  await expectHealthy();
  const enforcedMs = await edge.enforcedMs();
  // What the connection to the upstream had is taken by a client; there is none for another.
  edge.upstream.closeAllConnections();
  openMany(20);
  await isFull();
  expect([502, 503]).toContain(await edge.ask(agent));
  for (const client of clients) client.destroy();
  limit(20_000);
  await expect.poll(() => edge.ask(), { timeout: 20_000 }).toBe(200);
  report('F27', {
    'file descriptors': most,
    'ms of a processor in 4 s': spun * 1_000,
    'revocation enforced within ms': enforcedMs,
  });
  agent.destroy();
}, 60_000);
