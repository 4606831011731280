import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  caddyAsks,
  closed,
  codeOf,
  Fronts,
  nginxAsks,
  open,
  type Proxies,
  page,
} from '../testing/asking.ts';
import { call } from '../testing/client.ts';
import { signInHost, testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

let edge: TestEdge;
let fronts: Fronts;
beforeAll(async () => {
  edge = await TestEdge.start();
  fronts = await Fronts.of(edge);
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

const signedIn = async () => `Cookie: ${await edge.session('usr_alice', null, closed)}`;

/** Both of them, and how they ask. */
const both = [
  ['Caddy and Traefik', () => fronts.caddy, caddyAsks],
  ['nginx', () => fronts.nginx, nginxAsks],
] as const;

describe('a verdict for a front proxy', () => {
  it.each(both)('says who may pass, forwards nothing, and is recorded: %s', async (...front) => {
    const [, identity, asks] = front;
    const answer = await fronts.ask(identity(), [
      ...asks(closed, '/q?x=1', 'POST'),
      await signedIn(),
    ]);
    expect([answer.status, answer.body, answer.header('cache-control')]).toEqual([
      200,
      '',
      'no-store',
    ]);
    const [, claims = ''] = answer.header('sallyport-assertion')?.split('.') ?? [];
    const said: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString());
    expect(said).toMatchObject({ sub: 'usr_alice', aud: 'reports' });
    expect(edge.upstream.bytes).toBe('');
    const record = await edge.records.first(() => true);
    expect(record).toMatchObject({
      correlationId: answer.header('sallyport-request-id'),
      sourceAddress: '203.0.113.9',
      method: 'POST',
      host: closed,
      path: '/q',
      userId: 'usr_alice',
      certificateSha256: null,
      outcome: 'permit',
      status: 200,
      ending: 'verdict',
    });
    expect(record.facts?.device).toEqual({ kind: 'none' });
  });

  it('refuses and sends to sign in by statuses that the front proxy knows', async () => {
    const { caddy, nginx } = fronts;
    expect((await fronts.ask(caddy, caddyAsks(closed))).status).toBe(401);
    const sent = await fronts.ask(caddy, [...caddyAsks(closed), ...page]);
    expect(sent.status).toBe(302);
    expect(sent.header('location')).toContain(`https://${signInHost}`);
    const told = await fronts.ask(nginx, [...nginxAsks(closed), ...page]);
    expect(told.status).toBe(401);
    expect(told.header('location')).toContain(`https://${signInHost}`);
    expect(told.all('set-cookie')).toHaveLength(1);
    expect((await fronts.ask(caddy, caddyAsks('nobody.fin.test'))).status).toBe(404);
    expect((await fronts.ask(nginx, nginxAsks('nobody.fin.test'))).status).toBe(403);
    const outcomes = edge.records.all.map(({ outcome, ending }) => [outcome, ending]);
    expect(outcomes.map(([, ending]) => ending)).toEqual(outcomes.map(() => 'verdict'));
  });

  it('gives one cookie to nginx, which knows no more: the one that a sign-in comes back by', async () => {
    const stale = 'Cookie: __Host-sallyport=opens-nothing';
    const lines = (asks: typeof nginxAsks) => [...asks(closed), ...page, stale];
    const all = await fronts.ask(fronts.caddy, lines(caddyAsks));
    expect(all.all('set-cookie')).toHaveLength(2);
    const one = await fronts.ask(fronts.nginx, lines(nginxAsks));
    expect(one.all('set-cookie')).toHaveLength(1);
    expect(one.header('set-cookie')).not.toContain('__Host-sallyport=;');
  });

  it('is below 300 for a permit alone, also where our own endpoints would answer 200', async () => {
    for (const path of ['jwks.json', 'sign-out', 'me', 'x']) {
      const own = `/.well-known/sallyport/${path}`;
      for (const of of [open, signInHost]) {
        expect((await fronts.ask(fronts.caddy, caddyAsks(of, own))).status).toBe(404);
        expect((await fronts.ask(fronts.nginx, nginxAsks(of, own))).status).toBe(403);
      }
    }
    expect((await fronts.ask(fronts.caddy, caddyAsks(closed, '/', 'HEAD'))).status).toBe(401);
    // A call of gRPC is told in the trailers of a 200 elsewhere.
    const rpc = ['Content-Type: application/grpc', 'TE: trailers'];
    for (const [, identity, asks] of both) {
      const called = await fronts.ask(identity(), [...asks(closed, '/a.B/C', 'POST'), ...rpc]);
      expect([called.status, called.header('grpc-status')]).toEqual([401, undefined]);
    }
  });

  it('is for what the front proxy will forward: a path with one form (rows 57, 63)', async () => {
    const odd = ['/a%62', '/./a', '/a/../ab', '/ab/.', '//ab', '/a//b', '/a/..%2fb', '/caf%c3%a9'];
    const refused = ['/pub/..;/admin', '/ab;x=1', '/a%5cb', '/%2e%2e/ab', '/ab%00', '/a%252fb'];
    for (const [, identity, asks] of both) {
      for (const uri of [...odd, ...refused]) {
        const answer = await fronts.ask(identity(), asks(open, uri));
        expect([uri, answer.status]).toEqual([
          uri,
          expect.toSatisfy((s) => s === 400 || s === 403),
        ]);
      }
    }
    expect(codeOf(await fronts.ask(fronts.caddy, caddyAsks(open, '/a%62')))).toBe(
      'path_not_canonical',
    );
    expect((await fronts.ask(fronts.caddy, caddyAsks(open, '/ab'))).status).toBe(200);
    expect((await fronts.ask(fronts.caddy, caddyAsks(open, '/caf%C3%A9'))).status).toBe(200);
  });

  it('believes the headers of the dialect alone, each of them once', async () => {
    const { caddy } = fronts;
    const withQuery = await fronts.ask(caddy, caddyAsks(open), 'GET /verdict?a=b HTTP/1.1');
    expect(withQuery.status).toBe(200);
    const whole = caddyAsks(open);
    const [method = '', ...rest] = whole;
    const bad = [
      ...whole.map((_, at) => whole.filter((__, other) => other !== at)),
      ...whole.map((line) => [...whole, line]),
      nginxAsks(open),
      rest.map((line) => line.replace('https', 'http')).concat(method),
      [...whole, 'Transfer-Encoding: chunked'],
      [...whole, 'Content-Length: 5'],
      [...whole.slice(0, -1), 'X-Forwarded-For: 203.0.113.9, unknown'],
      [...whole.slice(0, -1), 'X-Forwarded-For: 203.0.113.9,'],
    ];
    for (const lines of bad) {
      expect([lines, (await fronts.ask(caddy, lines)).status]).toEqual([lines, 400]);
    }
    for (const first of ['POST /verdict HTTP/1.1', 'GET /verdict/ HTTP/1.1', 'GET / HTTP/1.1']) {
      expect((await fronts.ask(caddy, whole, first)).status).toBe(400);
    }
  });

  it('is that of the edge itself for a WebSocket: none from elsewhere, none to HTTP/2', async () => {
    const lines = ['Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    const statuses = async (of: string, ...more: string[]) => {
      const asked = both.map(([, identity, asks]) =>
        fronts.ask(identity(), [...asks(of), ...lines, key, ...more]),
      );
      return (await Promise.all(asked)).map(({ status }) => status);
    };
    const host = 'calls.fin.test';
    const documents = testDocuments(edge.pki, edge.upstream.port);
    const more = documents.flatMap((route) => {
      if (route.kind !== 'Route' || route.metadata.name !== 'pub') return [];
      const upstream = { ...route.spec.upstream, protocol: 'http2' as const };
      const spec = { ...route.spec, match: [{ host }], upstream };
      return [{ ...route, metadata: { name: 'calls' }, spec }];
    });
    await fronts.register(fronts.proxies(), { more });
    expect(await statuses(open, `Origin: https://${open}`)).toEqual([200, 200]);
    expect(await statuses(open, 'Origin: https://evil.test')).toEqual([403, 403]);
    expect((await fronts.ask(fronts.caddy, caddyAsks(host))).status).toBe(200);
    await edge.settle();
    expect(await statuses(host, `Origin: https://${host}`)).toEqual([502, 502]);
    await expect.poll(() => edge.records.all.length).toBe(2);
    for (const { reasons } of edge.records.all) expect(reasons).toContain('upstream_protocol');
    await fronts.register();
  });

  it('is for the hosts of that front proxy alone', async () => {
    const [caddy, nginx] = fronts.proxies();
    await fronts.register([
      { ...caddy, hosts: [open] },
      { ...nginx, hosts: ['*.fin.test'] },
    ] as Proxies);
    const statuses = async (...hosts: string[]) => {
      const asked = hosts.map((of) => fronts.ask(fronts.caddy, caddyAsks(of)));
      return (await Promise.all(asked)).map(({ status }) => status);
    };
    expect(await statuses(open, closed, 'app.corp.test', signInHost)).toEqual([200, 421, 421, 421]);
    expect(edge.records.all.map(({ reasons }) => reasons)).toContainEqual(['host_misdirected']);
    expect((await fronts.ask(fronts.nginx, nginxAsks(open))).status).toBe(403);
    // A star stands for one label, as in routes.
    expect((await fronts.ask(fronts.nginx, nginxAsks('a.b.fin.test'))).status).toBe(403);
    await fronts.register();
  });

  it('is given nowhere else', async () => {
    edge.upstream.forget();
    const asked = { host: open, path: '/verdict', headers: caddyAsks(open) };
    expect((await call(edge, asked)).status).toBe(200);
    expect(edge.upstream.bytes).toMatch(/^GET \/verdict /);
    expect(edge.upstream.bytes).not.toMatch(/x-forwarded-uri/i);
  });
});
