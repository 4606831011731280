import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../../testing/client.ts';
import { Http2Client } from '../../testing/client-h2.ts';
import { TestEdge } from '../../testing/edge.ts';
import { ok, type RecordedConnection } from '../../testing/recorder.ts';
import { setUpstream } from '../../testing/upstream-spec.ts';
import { RouteUpstream } from './route-upstream.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

async function asked(path: string): Promise<RawClient> {
  const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
  client.send(`GET ${path} HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
  return client;
}

/** A request that the upstream does not answer until the test does. */
async function held(path: string): Promise<{ client: RawClient; upstream: RecordedConnection }> {
  const client = await asked(path);
  const arrived = () => edge.upstream.connections.find(({ bytes }) => bytes.includes(path));
  await expect.poll(arrived, patience).toBeDefined();
  return { client, upstream: arrived() as RecordedConnection };
}

const silent = () => null;
/** Nothing here is about how fast it is. */
const patience = { timeout: 20_000 };

describe('the limits of a route', () => {
  it('let one wait until another ends, and answer 503 to who finds no place', async () => {
    await setUpstream(edge, { limits: { connections: 1, queue: 1, queueWait: '60s' } });
    edge.upstream.script = silent;
    const first = await held('/first');
    const second = await asked('/second');
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(2);
    const third = await call(edge, { cookie, path: '/third' });
    expect([third.status, third.body.includes('"upstream_busy"')]).toEqual([503, true]);
    expect(Number(third.header('retry-after'))).toBeGreaterThan(0);
    // Another trust level and another route have places of their own.
    edge.upstream.script = ok;
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
    first.upstream.socket.write(ok('', first.upstream) ?? '');
    expect((await first.client.response()).status).toBe(200);
    expect((await second.response()).status).toBe(200);
    expect(edge.upstream.bytes).not.toContain('/third');
    first.client.close();
    second.close();
  });

  it('leave places for others, however many one user asks for', async () => {
    const bob = await edge.session('usr_bob', 'dev_laptop', 'app.corp.test');
    await setUpstream(edge, { limits: { connections: 4, queue: 4, queueWait: '60s' } });
    edge.upstream.script = silent;
    const client = await Http2Client.connect(edge);
    const requests = ['/1', '/2', '/3', '/4', '/5', '/6'].map((path) =>
      client.ask({ cookie, path }),
    );
    // Two have a place, two wait, and two are answered.
    const busy = await Promise.race(requests);
    expect([busy.status, busy.body.includes('"upstream_busy"')]).toEqual([503, true]);
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(4);
    expect(edge.worker.upstreams()).toMatchObject({ active: 2, waiting: 2 });
    edge.upstream.script = ok;
    expect((await call(edge, { cookie: bob, path: '/bob' })).status).toBe(200);
    expect(edge.upstream.bytes).toContain('/bob');
    expect(edge.worker.upstreams().busy).toMatchObject({ share: 2 });
    client.close();
    await Promise.allSettled(requests);
  });

  it('outlive a fault of ours in the turn of one who waited, and get its place back', async () => {
    await setUpstream(edge, { limits: { connections: 1, queue: 1, queueWait: '60s' } });
    edge.upstream.script = silent;
    const first = await held('/first');
    const second = await asked('/second');
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(2);
    const { take } = RouteUpstream.prototype;
    RouteUpstream.prototype.take = () => {
      RouteUpstream.prototype.take = take;
      throw new Error('a fault');
    };
    edge.upstream.script = ok;
    first.upstream.socket.write(ok('', first.upstream) ?? '');
    expect((await first.client.response()).status).toBe(200);
    expect((await second.response()).status).toBe(500);
    expect((await call(edge, { cookie, path: '/third' })).status).toBe(200);
    first.client.close();
    second.close();
  });

  it('let nobody wait longer than the route says', async () => {
    await setUpstream(edge, { limits: { connections: 1, queue: 1, queueWait: '1s' } });
    edge.upstream.script = silent;
    const first = await held('/first');
    const second = await call(edge, { cookie, path: '/second' });
    expect([second.status, second.body.includes('"upstream_busy"')]).toEqual([503, true]);
    expect(edge.upstream.bytes).not.toContain('/second');
    first.client.close();
  });

  it('give back the place of one who goes away while waiting', async () => {
    await setUpstream(edge, { limits: { connections: 1, queue: 1, queueWait: '60s' } });
    edge.upstream.script = silent;
    const first = await held('/first');
    const second = await asked('/second');
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(2);
    second.close();
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(1);
    edge.upstream.script = ok;
    const third = call(edge, { cookie, path: '/third' });
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(2);
    first.client.close();
    expect((await third).status).toBe(200);
    expect(edge.upstream.bytes).not.toContain('/second');
  });

  it('end what waited when a configuration comes that leads elsewhere', async () => {
    await setUpstream(edge, { limits: { connections: 1, queue: 1, queueWait: '60s' } });
    edge.upstream.script = silent;
    const first = await held('/first');
    const second = call(edge, { cookie, path: '/second' });
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(2);
    await setUpstream(edge, { host: 'upstream' });
    expect((await second).status).toBe(503);
    await first.client.closed();
    expect(edge.upstream.bytes).not.toContain('/second');
  });
});

describe('the timeouts of a route (F30)', () => {
  it.each([
    ['headers', ''],
    ['total', ''],
    ['total', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ] as const)('answer 504 when %s is over, after %j', async (timeout, sent) => {
    await setUpstream(edge, { timeouts: { [timeout]: '1s' } });
    edge.upstream.script = () => (sent === '' ? null : sent);
    const response = await call(edge, { cookie, path: '/slow' });
    expect([response.status, response.body.includes('"upstream_timeout"')]).toEqual([504, true]);
    // Nothing is left at the upstream, and other routes are not concerned.
    await expect.poll(() => edge.worker.openExchanges(), patience).toBe(0);
    edge.upstream.script = ok;
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
  });

  it.each(['idle', 'total'] as const)(
    'break a response off that takes longer than %s',
    async (timeout) => {
      await setUpstream(edge, { timeouts: { [timeout]: '1s' } });
      edge.upstream.script = () => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf';
      const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      client.send(`GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
      await client.closed();
      expect(client.received).toMatch(/half$/);
      await expect.poll(() => edge.records.all.length, patience).toBe(1);
      expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'upstream_failed' });
    },
  );

  it('end an answer that comes by single bytes, and its route and others go on meanwhile', async () => {
    const limits = { connections: 3, queue: 0 };
    await setUpstream(edge, { limits, timeouts: { idle: '5s', total: '3s' } });
    let drips = 0;
    edge.upstream.script = (head, connection) => {
      if (!head.includes('/drip')) return ok(head, connection);
      const timer = setInterval(() => {
        drips += 1;
        connection.socket.write('x');
      }, 100);
      connection.socket.once('close', () => clearInterval(timer));
      return 'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n';
    };
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(`GET /drip HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
    await client.until(/xx/);
    expect((await call(edge, { cookie, path: '/a' })).status).toBe(200);
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
    await client.closed();
    expect(drips).toBeLessThan(9_999);
    expect(client.received).toMatch(/x$/);
    await expect.poll(() => edge.worker.upstreams().active, patience).toBe(0);
  });

  it('answer 504 when the upstream accepts no connection in time', async () => {
    // The upstream takes the connection and never says a word of TLS.
    const { port, close } = await mute();
    const url = `https://upstream.corp.localhost:${port}`;
    await setUpstream(edge, { url, timeouts: { connect: '1s' } });
    const response = await call(edge, { cookie });
    expect([response.status, response.body.includes('"upstream_timeout"')]).toEqual([504, true]);
    close();
  });
});

async function mute(): Promise<{ port: number; close: () => void }> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
