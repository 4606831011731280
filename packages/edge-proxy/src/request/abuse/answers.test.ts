import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, type RawResponse } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, requestText, withRoutes } from '../testing/oracle.ts';
import { ok, type Script } from '../testing/recorder.ts';
import { handshake } from '../testing/web-socket.ts';
import { failures, notices, refusals } from '../words.ts';

const upstreamOf = (url: string) => ({ upstream: { url, trustBundle: 'upstreams' } });
let edge: TestEdge;
let alice: Oracle;
beforeAll(async () => {
  edge = await TestEdge.start();
  alice = await Oracle.of(edge);
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

const asPage = ['Accept: text/html', 'Sec-Fetch-Mode: navigate'];
const broken: Script = (_head, { socket }) => {
  socket.destroy();
  return null;
};

interface Case {
  readonly code: string;
  readonly status: number;
  readonly bytes: (more: readonly string[]) => string;
  readonly host?: string;
  readonly script?: Script;
}

const at = (host: string, line = 'GET /secret-path?secret-query HTTP/1.1') =>
  ((more) => requestText(line, `Host: ${host}`, ...more)) satisfies Case['bytes'];
const byAlice = (line: string, ...lines: string[]) =>
  ((more) => alice.request(line, ...lines, ...more)) satisfies Case['bytes'];
const own = '/.well-known/sallyport';
const path = '/secret-path';

const cases: readonly Case[] = [
  { code: 'http_version', status: 400, bytes: byAlice(`GET ${path} HTTP/1.0`) },
  { code: 'host_invalid', status: 400, bytes: at('secret-host_.test') },
  { code: 'host_misdirected', status: 421, bytes: at('secret-host.test') },
  { code: 'target_invalid', status: 400, bytes: byAlice('GET /secret-path\\x HTTP/1.1') },
  { code: 'path_ambiguous', status: 400, bytes: byAlice('GET /secret-path%2fx HTTP/1.1') },
  { code: 'method_unsupported', status: 405, bytes: byAlice(`TRACE ${path} HTTP/1.1`) },
  {
    code: 'framing_ambiguous',
    status: 400,
    bytes: byAlice(`POST ${path} HTTP/1.1`, 'Transfer-Encoding: gzip, chunked'),
  },
  { code: 'header_duplicate', status: 400, bytes: byAlice('GET / HTTP/1.1', 'Cookie: secret-b') },
  { code: 'header_invalid', status: 400, bytes: byAlice('GET / HTTP/1.1', 'Content_Length: 3') },
  {
    code: 'headers_too_large',
    status: 431,
    bytes: byAlice('GET / HTTP/1.1', `X-Secret: secret-${'x'.repeat(20_000)}`),
  },
  {
    code: 'headers_too_many',
    status: 431,
    bytes: byAlice('GET / HTTP/1.1', ...Array.from({ length: 120 }, () => 'X: secret-x')),
  },
  {
    code: 'expectation_failed',
    status: 417,
    bytes: byAlice('GET / HTTP/1.1', 'Expect: secret-expectation'),
  },
  {
    code: 'upgrade_invalid',
    status: 400,
    bytes: byAlice('GET / HTTP/1.1', ...handshake.slice(0, 2)),
  },
  {
    code: 'web_socket_version',
    status: 426,
    bytes: byAlice('GET / HTTP/1.1', ...handshake.slice(0, 3), 'Sec-WebSocket-Version: 777'),
  },
  {
    code: 'origin_refused',
    status: 403,
    bytes: byAlice('GET / HTTP/1.1', ...handshake, 'Origin: https://secret-origin.test'),
  },
  { code: 'route_unknown', status: 404, host: 'www.fin.test', bytes: at('www.fin.test') },
  { code: 'session_required', status: 401, bytes: at('admin.corp.test') },
  { code: 'method_not_allowed', status: 405, bytes: at('reader.corp.test', 'POST / HTTP/1.1') },
  { code: 'not_found', status: 404, bytes: byAlice(`GET ${own}/secret-path HTTP/1.1`) },
  { code: 'get_only', status: 405, bytes: byAlice(`DELETE ${own}/jwks.json HTTP/1.1`) },
  { code: 'upstream_unreachable', status: 502, bytes: byAlice('POST / HTTP/1.1'), script: broken },
  {
    code: 'upstream_bad_response',
    status: 502,
    bytes: byAlice('GET / HTTP/1.1'),
    script: () => 'HTTP/1.1 200 secret-reason\r\nContent-Length: secret-length\r\n\r\n',
  },
  {
    code: 'upstream_unreachable',
    status: 502,
    host: 'nobody.fin.test',
    bytes: at('nobody.fin.test'),
  },
  {
    code: 'upstream_address_refused',
    status: 502,
    host: 'inside.fin.test',
    bytes: at('inside.fin.test'),
  },
  {
    code: 'upstream_untrusted',
    status: 502,
    host: 'untrusted.fin.test',
    bytes: at('untrusted.fin.test'),
  },
];

describe('row 147: an answer that refuses or fails', () => {
  it.each(cases.map((one) => [one.code, one] as const))(
    'tells nothing of us, the machine or what is behind it, nor what was sent: %s',
    async (code, { status, bytes, host = 'app.corp.test', script = ok }) => {
      edge.upstream.script = script;
      for (const more of [asPage, []]) {
        const client = await RawClient.connect(edge, host, edge.laptop);
        client.send(bytes(more));
        const response = await client.response();
        client.close();
        // A browser is led to sign in.
        expect(status === 401 ? [302, 401] : [status]).toContain(response.status);
        if (response.status === status) expect(response.body).toContain(code);
        expect(leak(response)).toBeUndefined();
      }
    },
  );

  it('is said in words that tell nothing either, whatever it is', () => {
    for (const { sentence, next } of Object.values({ ...refusals, ...failures, ...notices })) {
      const body = `${sentence} ${next}`.replace('HTTP/1.1', '');
      expect(leak({ status: 0, headers: [], body, header: () => undefined, all: () => [] })).toBe(
        undefined,
      );
    }
  });

  it('is as bare as can be where not even a request was read', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send('secret-nonsense /secret-path\r\n\r\n');
    const response = await client.response();
    expect([response.status, response.body]).toEqual([400, '']);
    expect(leak(response)).toBeUndefined();
    await client.closed();
  });

  it('is no different where it is a bug of ours', async () => {
    const { current } = edge.state;
    const { user } = current;
    current.user = () => {
      throw new Error('secret-cause in /home/secret/place.ts');
    };
    for (const more of [asPage, []]) {
      const { client, response } = await alice.send(alice.request('GET / HTTP/1.1', ...more));
      expect(response.status).toBe(500);
      expect(leak(response)).toBeUndefined();
      client.close();
    }
    current.user = user;
    expect(edge.logged.join('')).toContain('secret-cause');
  });
});
