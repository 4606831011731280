import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Call, RawClient, type RawResponse } from '../testing/client.ts';
import { type Protocol, protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, requestText, withRoutes } from '../testing/oracle.ts';
import { ok, type Script } from '../testing/recorder.ts';
import { failures, notices, refusals } from '../words.ts';

const upstreamOf = (url: string) => ({ upstream: { url, trustBundle: 'upstreams' } });
let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  const { port } = edge.upstream;
  const route = (name: string, url: string) => ({
    name,
    match: [{ host: `${name}.fin.test` }],
    policies: ['open'],
    spec: upstreamOf(url),
  });
  await withRoutes(
    edge,
    route('nobody', 'https://upstream.corp.localhost:1'),
    route('inside', 'https://10.1.2.3'),
    route('untrusted', `https://other.corp.localhost:${port}`),
  );
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());
afterEach(() => {
  edge.upstream.script = ok;
});

/** What nobody outside has to know: of us, of the machine, of what is behind. */
function leak({ body, headers }: RawResponse): string | undefined {
  const names = headers.map(([name]) => name);
  const named = ['server', 'via', 'x-powered-by'].find((name) => names.includes(name));
  const words =
    /node|undici|openssl|localhost|\.[jt]s\b|\/(?:srv|home|root|tmp)\/|Error:|\bE(?:CONN|NOTF|PROTO)|\d+\.\d+\.\d+|10\.1\.2|secret-/i;
  return (
    named ??
    words.exec(body)?.[0] ??
    words.exec(headers.find(([n]) => n === 'location')?.[1] ?? '')?.[0]
  );
}

const broken: Script = (_head, { socket }) => {
  socket.destroy();
  return null;
};

interface Case {
  readonly code: string;
  readonly status: number;
  readonly asks: Call;
  readonly script?: Script;
  /** Where only one of them can say it. */
  readonly over?: Protocol;
}

const own = '/.well-known/sallyport';
const nobody = { cookie: '', path: '/secret-path?secret-query' };

const cases: readonly Case[] = [
  { code: 'host_invalid', status: 400, asks: { ...nobody, authority: 'secret-host_.test' } },
  { code: 'host_misdirected', status: 421, asks: { ...nobody, authority: 'secret-host.test' } },
  { code: 'target_invalid', status: 400, asks: { path: '/secret-path\\x' } },
  { code: 'path_ambiguous', status: 400, asks: { path: '/secret-path%2fx' } },
  { code: 'method_unsupported', status: 405, asks: { method: 'TRACE', path: '/secret-path' } },
  {
    code: 'framing_ambiguous',
    status: 400,
    asks: { method: 'POST', headers: ['Transfer-Encoding: gzip, chunked'] },
    over: 'http/1.1',
  },
  {
    code: 'header_duplicate',
    status: 400,
    asks: { headers: ['Authorization: secret-a', 'Authorization: secret-b'] },
  },
  { code: 'header_invalid', status: 400, asks: { headers: ['Content_Length: 3'] } },
  { code: 'header_invalid', status: 400, asks: { headers: ['X: secret\nx'] }, over: 'h2' },
  {
    code: 'headers_too_large',
    status: 431,
    asks: { headers: [`X-Secret: secret-${'x'.repeat(20_000)}`] },
  },
  {
    code: 'headers_too_many',
    status: 431,
    asks: { headers: Array.from({ length: 120 }, () => 'X: secret-x') },
  },
  { code: 'expectation_failed', status: 417, asks: { headers: ['Expect: secret-expectation'] } },
  {
    code: 'upgrade_invalid',
    status: 400,
    asks: { webSocket: '13', headers: ['Sec-WebSocket-Key: secret'] },
  },
  { code: 'web_socket_version', status: 426, asks: { webSocket: '777' } },
  {
    code: 'origin_refused',
    status: 403,
    asks: { webSocket: '13', headers: ['Origin: https://secret-origin.test'] },
  },
  { code: 'route_unknown', status: 404, asks: { ...nobody, host: 'www.fin.test' } },
  { code: 'session_required', status: 401, asks: { ...nobody, host: 'admin.corp.test' } },
  {
    code: 'method_not_allowed',
    status: 405,
    asks: { cookie: '', host: 'reader.corp.test', method: 'POST' },
  },
  { code: 'not_found', status: 404, asks: { path: `${own}/secret-path` } },
  { code: 'get_only', status: 405, asks: { path: `${own}/jwks.json`, method: 'DELETE' } },
  { code: 'upstream_unreachable', status: 502, asks: { method: 'POST' }, script: broken },
  {
    code: 'upstream_bad_response',
    status: 502,
    asks: {},
    script: () => 'HTTP/1.1 200 secret-reason\r\nContent-Length: secret-length\r\n\r\n',
  },
  { code: 'upstream_unreachable', status: 502, asks: { ...nobody, host: 'nobody.fin.test' } },
  { code: 'upstream_address_refused', status: 502, asks: { ...nobody, host: 'inside.fin.test' } },
  { code: 'upstream_untrusted', status: 502, asks: { ...nobody, host: 'untrusted.fin.test' } },
];

describe.each(protocols)('row 147: an answer that refuses or fails over %s', (protocol) => {
  const said = cases.filter(({ over = protocol }) => over === protocol);
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it.each(said.map((one) => [one.code, one] as const))(
    'tells nothing of us, the machine or what is behind it, nor what was sent: %s',
    async (code, { status, asks, script = ok }) => {
      edge.upstream.script = script;
      for (const page of [true, false]) {
        const response = await alice.call({ ...asks, page });
        // A browser is led to sign in.
        expect(status === 401 ? [302, 401] : [status]).toContain(response.status);
        if (response.status === status) expect(response.body).toContain(code);
        expect(leak(response)).toBeUndefined();
      }
    },
  );

  it('is no different where it is a bug of ours', async () => {
    const { current } = edge.state;
    const { user } = current;
    current.user = () => {
      throw new Error('secret-cause in /home/secret/place.ts');
    };
    for (const page of [true, false]) {
      const response = await alice.call({ page });
      expect(response.status).toBe(500);
      expect(leak(response)).toBeUndefined();
    }
    current.user = user;
    expect(edge.logged.join('')).toContain('secret-cause');
  });
});

describe('row 147: what we say', () => {
  it('is said in words that tell nothing either', () => {
    for (const { sentence, next } of Object.values({ ...refusals, ...failures, ...notices })) {
      const body = `${sentence} ${next}`.replace('HTTP/1.1', '');
      expect(leak({ status: 0, headers: [], body, header: () => undefined, all: () => [] })).toBe(
        undefined,
      );
    }
  });

  it('is no more where it could not be said over HTTP/2', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(requestText('GET /secret-path HTTP/1.0', 'Host: app.corp.test'));
    const response = await client.response();
    client.close();
    expect([response.status, response.body.includes('http_version')]).toEqual([400, true]);
    expect(leak(response)).toBeUndefined();
  });

  it('is as bare as can be where not even a request was read', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send('secret-nonsense /secret-path\r\n\r\n');
    const response = await client.response();
    expect([response.status, response.body]).toEqual([400, '']);
    expect(leak(response)).toBeUndefined();
    await client.closed();
  });
});
