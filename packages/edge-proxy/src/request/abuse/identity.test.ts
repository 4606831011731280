import { verifyAssertion } from '@sallyport/shared/assertion/verify';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Call } from '../testing/client.ts';
import { protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, withRoutes } from '../testing/oracle.ts';
import { ok, type Script } from '../testing/recorder.ts';
import { webSocketOver } from '../testing/tunnels.ts';
import { agree } from '../testing/web-socket.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
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
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n';
const forged = ['Sallyport-Assertion: forged', 'sallyport_assertion: forged'];

const kinds: readonly (readonly [string, Call, Script])[] = [
  ['GET', {}, ok],
  ['HEAD', { method: 'HEAD' }, () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
  ['OPTIONS', { method: 'OPTIONS' }, ok],
  ['a stream of events', { headers: ['Accept: text/event-stream'] }, events],
  [
    'a body that is asked for',
    { method: 'POST', headers: ['Expect: 100-continue'], body: 'hello' },
    ok,
  ],
  ['a large body', { method: 'PUT', body: 'x'.repeat(600_000) }, ok],
];

describe.each(protocols)('the identity of a request over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it.each(kinds)('row 77: is told once and anew with %s', async (_name, asks, script) => {
    edge.upstream.script = script;
    const headers = [...forged, ...(asks.headers ?? [])];
    expect((await alice.call({ ...asks, headers })).status).toBe(200);
    expect(await told()).toBe('usr_alice');
    expect(edge.upstream.bytes).not.toContain('forged');
  });

  it('row 77: is told once and anew with a WebSocket', async () => {
    edge.upstream.script = agree;
    const client = await webSocketOver[protocol](alice, forged);
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
    expect((await alice.call({ cookie, headers: forged })).status).toBe(200);
    for (const { bytes } of edge.upstream.connections.filter((one) => one.bytes !== '')) {
      expect(bytes.match(/^sallyport-assertion: eyJ/gim)).toHaveLength(1);
      expect(bytes).toMatch(/^cookie: a=1; b=2\r$/m);
      expect(bytes).not.toMatch(/forged|__Host/);
    }
    expect(tries).toBe(2);
  });

  it('row 68: is not taken from a client on a public route, signed in or not', async () => {
    const host = 'pub.corp.test';
    const nobody = { host, device: null, cookie: '' };
    const everyone = await alice.call({ ...nobody, headers: forged });
    expect([everyone.status, seen('sallyport-assertion')]).toEqual([200, []]);
    expect(edge.upstream.bytes).not.toContain('forged');
    await edge.settle();
    const user = await Oracle.of(edge, 'usr_alice', host, 'laptop', protocol);
    expect((await user.call({ headers: forged })).status).toBe(200);
    expect(await told('https://pub.corp.test')).toBe('usr_alice');
    expect(edge.upstream.bytes).not.toContain('forged');
  });

  it('row 78: stays small for somebody in 2,000 groups: the route says which it wants', async () => {
    const groups = Array.from({ length: 2_000 }, (_, at) => `a-group-with-a-long-name-${at}`);
    const many = edge.state.current.user('usr_bob');
    if (many === null) throw new Error('no bob');
    await edge.apply('directory', { ...many, groups: ['employees', ...groups].toSorted() });
    const bob = await Oracle.of(edge, 'usr_bob', 'app.corp.test', 'laptop', protocol);
    expect((await bob.call()).status).toBe(200);
    expect(await told()).toBe('usr_bob');
    expect(seen('sallyport-assertion')[0]?.length).toBeLessThanOrEqual(1024);
    await edge.apply('directory', many);
  });
});

describe.each(protocols)('credentials of the edge over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  const others = 'a="1; 2";  b=c=d; é=ü; __Host-app=3';

  it('row 75: do not reach an upstream with an upgrade, and those of others do as they came', async () => {
    edge.upstream.script = agree;
    const cookie = `x=0; ${alice.cookie}; ${others}`;
    const client = await webSocketOver[protocol](alice, [], cookie);
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
      await alice.call({ cookie, page: true }),
      await alice.call({ cookie, method: 'POST', body: '' }),
      await alice.call({ cookie, path: '/a//b', page: true }),
      await alice.call({ cookie, host: 'admin.corp.test', page: true }),
      await alice.call({ cookie, device: edge.stranger, page: true }),
      await alice.call({ cookie, path: '/.well-known/sallyport/nothing' }),
      await alice.call({ cookie, path: '/.well-known/sallyport/sign-out' }),
      await alice.call({ cookie, path: '/.well-known/sallyport/me' }),
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
    const response = await alice.call({ cookie: `${alice.cookie}; a=1` });
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
      expect((await alice.call({ headers, cookie: '' })).status).toBe(401);
      expect(edge.upstream.bytes).toBe('');
      expect((await alice.call({ headers })).status).toBe(200);
      expect(seen('authorization')).toEqual([value]);
      expect(await told()).toBe('usr_alice');
    }
  });

  it.each(['NTLM TlRMTVNTUAABAAAA', 'negotiate YIIZ', 'Negotiate'])(
    'row 76: sign in no connection that others come over: %s',
    async (credentials) => {
      const headers = [`Authorization: ${credentials}`];
      for (const path of ['/first', '/second']) {
        expect((await alice.call({ path, headers })).status).toBe(200);
      }
      const bob = await Oracle.of(edge, 'usr_bob', 'app.corp.test', 'other', protocol);
      expect((await bob.call({ path: '/other' })).status).toBe(200);
      const asked = edge.upstream.connections.map(({ bytes }) => bytes).filter((one) => one !== '');
      const bound = asked.filter((bytes) => bytes.includes('/first') || bytes.includes('/second'));
      expect(bound.map((bytes) => bytes.match(/ HTTP\/1\.1\r\n/g)?.length)).toEqual([1, 1]);
      for (const bytes of bound) expect(bytes).toMatch(/^connection: close\r$/im);
    },
  );

  it('row 76: neither stand twice, nor in the place of a proxy’s', async () => {
    const twice = ['Authorization: Basic YTpi', 'authorization: Bearer x'];
    expect(await alice.refuses({ headers: twice }, 400)).toBe('header_duplicate');
    await edge.settle();
    const proxy = ['Proxy-Authorization: Basic YTpi', 'Proxy-Authenticate: Basic'];
    expect((await alice.call({ headers: proxy })).status).toBe(200);
    expect(edge.upstream.bytes).not.toMatch(/^proxy-/im);
  });
});

describe.each(protocols)('a preflight over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  const preflight = [
    'Origin: https://evil.test',
    'Access-Control-Request-Method: PUT',
    'Access-Control-Request-Headers: x-anything',
  ];

  it('row 97: reaches no protected application without a session', async () => {
    for (const more of [{}, { body: '' }, { body: 'hello' }]) {
      await edge.settle();
      const headers = [...preflight, ...forged];
      const response = await alice.call({ method: 'OPTIONS', cookie: '', headers, ...more });
      expect(response.status).toBe(401);
      expect(response.headers.flat().join('\n')).not.toMatch(/access-control/i);
      expect(edge.upstream.bytes).toBe('');
      await expect.poll(() => edge.records.all.length).toBe(1);
      expect(edge.records.all[0]).toMatchObject({ outcome: 'sign_in', method: 'OPTIONS' });
    }
  });

  it('row 97: to a public application says of nobody who it is', async () => {
    const headers = [...preflight, ...forged];
    const options = { host: 'pub.corp.test', method: 'OPTIONS', headers, body: 'hello' };
    expect((await alice.call({ ...options, device: null, cookie: '' })).status).toBe(200);
    expect(seen('sallyport-assertion')).toEqual([]);
    expect(seen('origin')).toEqual(['https://evil.test']);
    expect(edge.upstream.bytes).toMatch(/\r\n\r\nhello$/);
  });
});

describe.each(protocols)('an address over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

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
      expect((await alice.call({ host: 'here.fin.test', headers })).status).toBe(200);
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
