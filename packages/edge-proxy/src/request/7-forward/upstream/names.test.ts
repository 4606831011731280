import type { LookupAddress } from 'node:dns';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../../testing/client.ts';
import { TestEdge } from '../../testing/edge.ts';
import { type Identity, issue } from '../../testing/pki.ts';
import { ok, Recorder } from '../../testing/recorder.ts';
import { setUpstream } from '../../testing/upstream-spec.ts';

const hostname = 'wiki.moves.test';
const spiffeId = 'spiffe://corp.test/wiki';

let edge: TestEdge;
let cookie: string;
let here: Recorder;
let there: Recorder;
let identity: Identity;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  const order = { commonName: 'wiki', dns: [hostname], uris: [spiffeId], usage: 'server' } as const;
  identity = await issue(edge.pki.upstream, { ...order, days: 5 });
  here = await Recorder.start(identity);
  there = await Recorder.start(identity, undefined, { host: '127.0.0.2', port: here.port });
});
afterAll(async () => {
  await edge.stop();
  await Promise.all([here.stop(), there.stop()]);
});
beforeEach(async () => {
  await edge.settle();
  here.forget();
  there.forget();
  answer = [{ address: '127.0.0.1', family: 4 }];
  edge.resolve = (_name, _options, callback) => {
    const tell = (): void => {
      if (answer instanceof Error) callback(answer, '', 0);
      else callback(null, [...(answer ?? [])]);
    };
    if (answer === null) unanswered.push(tell);
    else tell();
  };
  for (const tell of unanswered.splice(0)) tell();
  edge.clock.offsetMs += 6_000;
});

/** null: none comes, until the next test. */
let answer: readonly LookupAddress[] | Error | null;
const unanswered: (() => void)[] = [];
const url = () => `https://${hostname}:${here.port}`;
const status = async () => (await call(edge, { cookie })).status;
/** Whatever is connected goes away, and what was resolved is old. */
async function later(): Promise<void> {
  for (const { socket } of [...here.connections, ...there.connections]) socket.destroy();
  edge.clock.offsetMs += 6_000;
  await expect.poll(() => edge.worker.upstreams().idle, { timeout: 20_000 }).toBe(0);
}

describe('the name of an upstream', () => {
  it('is resolved anew, and connections do not outlive their age (F34)', async () => {
    await setUpstream(edge, { url: url(), connectionMaxAge: '1s' });
    expect(await status()).toBe(200);
    expect([here.bytes === '', there.bytes === '']).toEqual([false, true]);
    answer = [{ address: '127.0.0.2', family: 4 }];
    edge.clock.offsetMs += 6_000;
    // The connection that stands is used for a second; nobody closes it but its age.
    const moved = async () => [await status(), there.bytes !== ''];
    await expect.poll(moved, { timeout: 20_000, interval: 100 }).toEqual([200, true]);
  });

  it.each([
    ['fails', Object.assign(new Error('no resolver'), { code: 'EAI_AGAIN' })],
    ['is silent', null],
  ])('stands for the last good addresses while the resolver %s (F34)', async (_name, failure) => {
    await setUpstream(edge, { url: url(), connectionMaxAge: '2m' });
    expect(await status()).toBe(200);
    await later();
    answer = failure;
    expect(await status()).toBe(200);
    expect(here.connections.filter(({ bytes }) => bytes !== '').length).toBe(2);
  });

  it.each(['10.1.2.3', '169.254.169.254', '::1', '::ffff:10.1.2.3'])(
    'gains nothing by resolving to %s the next time (row 127)',
    async (address) => {
      await setUpstream(edge, { url: url(), connectionMaxAge: '3m' });
      expect(await status()).toBe(200);
      await later();
      answer = [{ address, family: address.includes(':') ? 6 : 4 }];
      const response = await call(edge, { cookie });
      expect([response.status, response.body.includes('"upstream_address_refused"')]).toEqual([
        502,
        true,
      ]);
    },
  );

  it('leads no check of a target inside either (row 127)', async () => {
    // Somebody listens there, with a certificate that would do.
    const inside = await Recorder.start(identity, undefined, { host: '::1', port: here.port });
    const health = { path: '/_well', interval: '1s', timeout: '1s', unhealthyAfter: 1 };
    await setUpstream(edge, { url: url(), health });
    expect(await status()).toBe(200);
    const unhealthy = async () => {
      edge.clock.offsetMs += 6_000;
      // By that clock it would soon be one that nobody has used for long, and forgotten.
      await status();
      return edge.worker.upstreams().unhealthy;
    };
    answer = [{ address: '::1', family: 6 }];
    await expect.poll(unhealthy, { timeout: 20_000, interval: 100 }).toBe(1);
    expect((await call(edge, { cookie })).body).toContain('"upstream_no_healthy"');
    answer = [{ address: '127.0.0.1', family: 4 }];
    await expect.poll(unhealthy, { timeout: 20_000, interval: 100 }).toBe(0);
    expect(inside.connections).toEqual([]);
    await inside.stop();
  });

  it('may be missing from the certificate where a SPIFFE ID says who it is', async () => {
    const trustBundle = 'upstreams';
    const other = `https://other.moves.test:${here.port}`;
    await setUpstream(edge, { url: other, trustBundle });
    expect(await status()).toBe(502);
    await setUpstream(edge, { url: other, trustBundle, spiffeId });
    expect(await status()).toBe(200);
    here.forget();
    await setUpstream(edge, { url: url(), trustBundle, spiffeId: 'spiffe://corp.test/other' });
    const response = await call(edge, { cookie });
    expect([response.status, response.body.includes('"upstream_identity_refused"')]).toEqual([
      502,
      true,
    ]);
    expect(here.bytes).toBe('');
  });
});

describe('the path that an upstream is asked for', () => {
  const match = [{ host: 'app.corp.test', path: '/app/**' }];

  it('loses a prefix, after it was decided on (row 63)', async () => {
    await setUpstream(edge, { path: { stripPrefix: '/app', addPrefix: '/v2' } }, { match });
    for (const [path, asked] of [
      ['/app/a/./b?q=/app', '/v2/a/b?q=/app'],
      ['/app', '/v2'],
      ['/app/%61%2d', '/v2/a-'],
      ['/x/../app/c', '/v2/c'],
    ] as const) {
      edge.upstream.forget();
      edge.upstream.script = ok;
      expect((await call(edge, { cookie, path })).status).toBe(200);
      expect(edge.upstream.bytes.split(' ')[1]).toBe(asked);
    }
    const [record] = edge.records.all;
    expect(record?.path).toBe('/app/a/b');
  });

  it.each([
    '/app/../admin',
    '/app/..%2fadmin',
    '/app/%2e%2e/admin',
    '/app//admin',
    '/app%2fadmin',
    '/app;/admin',
    '/application',
    '/APP/admin',
  ])('is none where %s was asked for (row 63)', async (path) => {
    await setUpstream(edge, { path: { stripPrefix: '/app' } }, { match });
    edge.upstream.forget();
    expect((await call(edge, { cookie, path })).status).toBeGreaterThanOrEqual(400);
    expect(edge.upstream.bytes).toBe('');
  });
});

describe('an upstream without TLS', () => {
  it('is counted', async () => {
    await setUpstream(edge, {});
    expect(edge.worker.upstreams().plaintextRoutes).toBe(0);
    const url = `http://upstream.corp.localhost:${edge.upstream.port}`;
    await setUpstream(edge, { url, plainHttp: true, trustBundle: undefined });
    expect(edge.worker.upstreams().plaintextRoutes).toBe(1);
  });
});
