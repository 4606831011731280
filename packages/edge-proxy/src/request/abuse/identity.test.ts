import { verifyAssertion } from '@sallyport/shared/assertion/verify';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, type RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, requestText, withRoutes } from '../testing/oracle.ts';
import { ok, type Script } from '../testing/recorder.ts';
import { agree, handshake } from '../testing/web-socket.ts';

let edge: TestEdge;
let alice: Oracle;
beforeAll(async () => {
  edge = await TestEdge.start();
  alice = await Oracle.of(edge);
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());
afterEach(() => {
  edge.upstream.script = ok;
});

/** Values of all header lines of this name that the upstream got. */
function seen(name: string): string[] {
  const lines = edge.upstream.bytes.matchAll(new RegExp(`^${name}: (.*)\\r$`, 'gim'));
  return [...lines].map(([, value]) => value ?? '');
}

/** Whom the upstream was told of, once and signed by this edge; the issue of it is its own. */
async function told(audience = 'https://app.corp.test'): Promise<string> {
  const assertions = seen('sallyport-assertion');
  expect(assertions).toHaveLength(1);
  const jwks = createLocalJWKSet(edge.state.current.jwks() as JSONWebKeySet);
  const issuer = 'https://corp.test';
  const verified = await verifyAssertion(assertions[0] ?? '', jwks, { issuer, audience });
  if (!verified.ok) throw new Error(verified.problem);
  return verified.claims.subject;
}

const events: Script = () =>
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n';
const forged = ['Sallyport-Assertion: forged', 'sallyport_assertion: forged'];

describe('the identity of a request', () => {
  it.each<[string, string, string[], string, Script, (client: RawClient) => Promise<unknown>]>([
    ['GET', 'GET / HTTP/1.1', [], '', ok, (client) => client.response()],
    [
      'HEAD',
      'HEAD / HTTP/1.1',
      [],
      '',
      () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
      (client) => client.response('HEAD'),
    ],
    ['OPTIONS', 'OPTIONS / HTTP/1.1', [], '', ok, (client) => client.response()],
    ['a WebSocket', 'GET / HTTP/1.1', [...handshake], '', agree, (client) => client.response()],
    [
      'a stream of events',
      'GET / HTTP/1.1',
      ['Accept: text/event-stream'],
      '',
      events,
      (client) => client.until(/data: 1/),
    ],
    [
      'a body that is asked for',
      'POST / HTTP/1.1',
      ['Expect: 100-continue', 'Content-Length: 5'],
      'hello',
      ok,
      async (client) => {
        await client.until(/^HTTP\/1.1 100 Continue\r\n\r\n/);
        await client.response();
      },
    ],
    [
      'a large body in chunks',
      'PUT / HTTP/1.1',
      ['Transfer-Encoding: chunked'],
      `${`8000\r\n${'x'.repeat(0x8000)}\r\n`.repeat(20)}0\r\n\r\n`,
      ok,
      (client) => client.response(),
    ],
  ])('row 77: is told once and anew with %s', async (_name, line, lines, body, script, read) => {
    edge.upstream.script = script;
    const client = await alice.connect();
    client.send(alice.request(line, ...forged, ...lines) + body);
    await read(client);
    expect(await told()).toBe('usr_alice');
    expect(edge.upstream.bytes).not.toContain('forged');
    client.close();
  });

  it('row 77: is told again where a request is tried again', async () => {
    let tries = 0;
    edge.upstream.script = (head, connection) => {
      tries += 1;
      if (tries > 1) return ok(head, connection);
      connection.socket.destroy();
      return null;
    };
    const cookie = `a=1; ${alice.cookie}; b=2`;
    expect((await call(edge, { cookie, headers: forged })).status).toBe(200);
    for (const { bytes } of edge.upstream.connections.filter((one) => one.bytes !== '')) {
      expect(bytes.match(/^sallyport-assertion: eyJ/gim)).toHaveLength(1);
      expect(bytes).toMatch(/^cookie: a=1; b=2\r$/m);
      expect(bytes).not.toMatch(/forged|__Host/);
    }
    expect(tries).toBe(2);
  });

  it('row 68: is not taken from a client on a public route, signed in or not', async () => {
    const host = 'pub.corp.test';
    const everyone = await call(edge, { host, device: null, headers: forged });
    expect([everyone.status, seen('sallyport-assertion')]).toEqual([200, []]);
    expect(edge.upstream.bytes).not.toContain('forged');
    await edge.settle();
    const user = await Oracle.of(edge, 'usr_alice', host);
    expect((await call(edge, { host, cookie: user.cookie, headers: forged })).status).toBe(200);
    expect(await told('https://pub.corp.test')).toBe('usr_alice');
    expect(edge.upstream.bytes).not.toContain('forged');
  });

  it('row 78: stays small for somebody in 2,000 groups: the route says which it wants', async () => {
    const groups = Array.from({ length: 2_000 }, (_, at) => `a-group-with-a-long-name-${at}`);
    const many = edge.state.current.user('usr_bob');
    if (many === null) throw new Error('no bob');
    await edge.apply('directory', { ...many, groups: ['employees', ...groups].toSorted() });
    const bob = await Oracle.of(edge, 'usr_bob');
    expect((await call(edge, { cookie: bob.cookie })).status).toBe(200);
    expect(await told()).toBe('usr_bob');
    expect(seen('sallyport-assertion')[0]?.length).toBeLessThanOrEqual(1024);
    await edge.apply('directory', many);
  });
});

describe('credentials of the edge', () => {
  const others = 'a="1; 2";  b=c=d; é=ü; __Host-app=3';

  it('row 75: do not reach an upstream with an upgrade, and those of others do as they came', async () => {
    edge.upstream.script = agree;
    const client = await alice.connect();
    const cookies = `Cookie: x=0; ${alice.cookie}; ${others}`;
    client.send(requestText('GET /chat HTTP/1.1', 'Host: app.corp.test', cookies, ...handshake));
    expect((await client.response()).status).toBe(101);
    expect(seen('cookie')).toEqual([`x=0; ${others}`]);
    expect(edge.upstream.bytes).not.toContain('__Host-sallyport');
    client.close();
  });

  it('row 75: stand in no answer of ours, whatever it is', async () => {
    const value = alice.cookie.slice(alice.cookie.indexOf('=') + 1);
    const cookie = `${alice.cookie}; app=secret-of-the-application`;
    edge.upstream.script = (_head, { socket }) => {
      socket.destroy();
      return null;
    };
    const answers = [
      await call(edge, { cookie, page: true }),
      await call(edge, { cookie, method: 'POST', body: '' }),
      await call(edge, { cookie, path: '/a//b', page: true }),
      await call(edge, { cookie, host: 'admin.corp.test', page: true }),
      await call(edge, { cookie, device: edge.stranger, page: true }),
      await call(edge, { cookie, path: '/.well-known/sallyport/nothing' }),
      await call(edge, { cookie, path: '/.well-known/sallyport/sign-out' }),
      await call(edge, { cookie, path: '/.well-known/sallyport/me' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([502, 502, 400, 302, 403, 404, 200, 302]);
    for (const { body, headers } of answers) {
      const text = body + headers.flat().join('\n');
      expect(text).not.toContain(value);
      expect(text).not.toContain('secret-of-the-application');
      expect(text).not.toContain('eyJhbGciOiJFUzI1NiI');
    }
  });

  it('row 75: are not taken along by a redirect of the upstream', async () => {
    edge.upstream.script = () =>
      'HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n';
    const response = await call(edge, { cookie: `${alice.cookie}; a=1` });
    expect([response.status, response.header('location')]).toEqual([
      302,
      'https://elsewhere.test/',
    ]);
    expect(response.all('set-cookie')).toEqual([]);
    expect(seen('cookie')).toEqual(['a=1']);
  });

  it('row 76: are a cookie alone: Authorization is for the application, byte for byte', async () => {
    const { jws } = await edge.control.statement('usr_alice', 'dev_laptop');
    const sealed = alice.cookie.slice(alice.cookie.indexOf('=') + 1);
    for (const value of ['Basic YWxpY2U6cHc=', `Bearer ${jws}`, `Bearer ${sealed}`, 'x  y ,z']) {
      await edge.settle();
      const headers = [`Authorization: ${value}`];
      expect((await call(edge, { headers })).status).toBe(401);
      expect(edge.upstream.bytes).toBe('');
      expect((await call(edge, { headers, cookie: alice.cookie })).status).toBe(200);
      expect(seen('authorization')).toEqual([value]);
      expect(await told()).toBe('usr_alice');
    }
  });

  it.each(['NTLM TlRMTVNTUAABAAAA', 'negotiate YIIZ', 'Negotiate'])(
    'row 76: sign in no connection that others come over: %s',
    async (credentials) => {
      const headers = [`Authorization: ${credentials}`];
      for (const path of ['/first', '/second']) {
        expect((await call(edge, { cookie: alice.cookie, path, headers })).status).toBe(200);
      }
      const bob = await Oracle.of(edge, 'usr_bob', 'app.corp.test', 'other');
      const others = { cookie: bob.cookie, device: bob.device, path: '/other' };
      expect((await call(edge, others)).status).toBe(200);
      const asked = edge.upstream.connections.map(({ bytes }) => bytes).filter((one) => one !== '');
      const bound = asked.filter((bytes) => bytes.includes('/first') || bytes.includes('/second'));
      expect(bound.map((bytes) => bytes.match(/ HTTP\/1\.1\r\n/g)?.length)).toEqual([1, 1]);
      for (const bytes of bound) expect(bytes).toMatch(/^connection: close\r$/im);
    },
  );

  it('row 76: neither stand twice, nor in the place of a proxy’s', async () => {
    const twice = ['Authorization: Basic YTpi', 'authorization: Bearer x'];
    const bytes = alice.request('GET / HTTP/1.1', ...twice);
    expect(await alice.refused(bytes, 400)).toBe('header_duplicate');
    await edge.settle();
    const proxy = ['Proxy-Authorization: Basic YTpi', 'Proxy-Authenticate: Basic'];
    expect((await call(edge, { cookie: alice.cookie, headers: proxy })).status).toBe(200);
    expect(edge.upstream.bytes).not.toMatch(/^proxy-/im);
  });
});

describe('a preflight', () => {
  const preflight = [
    'Origin: https://evil.test',
    'Access-Control-Request-Method: PUT',
    'Access-Control-Request-Headers: x-anything',
  ];

  it('row 97: reaches no protected application without a session', async () => {
    for (const more of [[], forged, ['Content-Length: 0'], ['Transfer-Encoding: chunked']]) {
      await edge.settle();
      const body = more[0]?.startsWith('Transfer') === true ? '5\r\nhello\r\n0\r\n\r\n' : '';
      const head = ['OPTIONS / HTTP/1.1', 'Host: app.corp.test', ...preflight, ...more];
      const { client, response } = await alice.send(requestText(...head) + body);
      expect(response.status).toBe(401);
      expect(response.headers.flat().join('\n')).not.toMatch(/access-control/i);
      expect(edge.upstream.bytes).toBe('');
      await expect.poll(() => edge.records.all.length).toBe(1);
      expect(edge.records.all[0]).toMatchObject({ outcome: 'sign_in', method: 'OPTIONS' });
      client.close();
    }
  });

  it('row 97: to a public application says of nobody who it is', async () => {
    const headers = [...preflight, ...forged];
    const options = { host: 'pub.corp.test', method: 'OPTIONS', headers, body: 'hello' };
    expect((await call(edge, { ...options, device: null })).status).toBe(200);
    expect(seen('sallyport-assertion')).toEqual([]);
    expect(seen('origin')).toEqual(['https://evil.test']);
    expect(edge.upstream.bytes).toMatch(/\r\n\r\nhello$/);
  });
});

describe('an address', () => {
  it('row 73: has one form, in rules, records and towards the upstream', async () => {
    await withRoutes(edge, {
      name: 'here',
      match: [{ host: 'here.fin.test' }],
      policies: ['open'],
    });
    for (const claimed of [
      '::ffff:10.0.0.1',
      '0:0::',
      'fe80::1%eth0',
      '0177.0.0.1',
      '2130706433',
    ]) {
      await edge.settle();
      const headers = [`X-Forwarded-For: ${claimed}`, `X-Real-IP: ${claimed}`];
      expect((await call(edge, { host: 'here.fin.test', headers })).status).toBe(200);
      await expect.poll(() => edge.records.all.length).toBe(1);
      const [record] = edge.records.all;
      expect([record?.sourceAddress, record?.facts?.sourceAddress]).toEqual([
        '127.0.0.1',
        '127.0.0.1',
      ]);
      expect(seen('x-forwarded-for')).toEqual(['127.0.0.1']);
    }
  });
});
