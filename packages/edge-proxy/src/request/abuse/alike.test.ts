import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Call } from '../testing/client.ts';
import { protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { linesIn, Oracle } from '../testing/oracle.ts';
import { ok } from '../testing/recorder.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
afterEach(() => {
  edge.upstream.script = ok;
});

/** Between neighbours, or anew for each request. */
const ownToEach =
  /^(?:connection|date|keep-alive|transfer-encoding|content-length|upgrade|sallyport-|traceparent|set-cookie: __Host)/;

/** What came of it: for the client, for the upstream, in the record. */
async function outcomes(asks: Call): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (const protocol of protocols) {
    await edge.settle();
    const alice = new Oracle(edge, 'app.corp.test', cookie, edge.laptop, protocol);
    const { body, headers, status } = await alice.call(asks);
    await expect.poll(() => edge.records.all.length, { interval: 5 }).toBe(1);
    const [record] = edge.records.all;
    const { bytes } = edge.upstream;
    const told = headers.map(([name, value]) => `${name}: ${value}`);
    all.push({
      status,
      told: told.filter((line) => !ownToEach.test(line)).toSorted(),
      body: body.replace(/req_\w+/g, ''),
      asked: bytes.slice(0, bytes.indexOf('\r\n')),
      lines: linesIn(bytes)
        .filter((line) => !ownToEach.test(line))
        .toSorted(),
      decided: [record?.outcome, record?.reasons, record?.path, record?.userId, record?.bytesIn],
    });
  }
  return all;
}

const own = '/.well-known/sallyport';
const requests: readonly Call[] = [
  ...['X: ', 'X: a\tb', 'X: \xe9\xff', 'Via: 1.1 x', 'Max-Forwards: 0', 'Range: bytes=0-1'].map(
    (line) => ({ headers: [line] }),
  ),
  { headers: ['X: 1', 'X: 2', 'x: 3'] },
  { headers: ['Accept: a', 'Accept: b', 'User-Agent: a', 'User-Agent: b'] },
  { headers: ['tracestate: a=b', 'traceparent: x'] },
  ...['TE: trailers', 'Trailer: x', 'Origin: null', 'Origin: ', 'Content-Type: ', 'Expect: '].map(
    (line) => ({ headers: [line] }),
  ),
  { headers: ['Sec-WebSocket-Key: x', 'Sec-WebSocket-Extensions: x', 'Early-Data: 1'] },
  { headers: ['X-Real-IP: 1', 'Proxy: x', 'Cookie2: x', 'Sallyport_Assertion: x'] },
  ...[';', ', a=b', '; a="\xe9"', ';; ;a'].map((behind) => ({ behind })),
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'SEARCH'].flatMap((method) => [
    { method },
    { method, body: '' },
    { method, body: 'abc' },
  ]),
  ...[
    '/?',
    '/??a=%00&b',
    '/%41',
    "/!$&'()*+,=:@",
    '/{}',
    '/|"',
    '/<>',
    '/^`',
    '/a%20b',
    '/[x]',
  ].map((path) => ({ path })),
  ...['', ':443', ':0443', ':', ':0', ':65535', ':65536', '.', '..'].map((behind) => ({
    authority: `app.corp.test${behind}`,
  })),
  { authority: 'APP.corp.TEST' },
  ...['jwks.json', 'me', 'sign-out', 'x', ''].map((name) => ({ path: `${own}/${name}` })),
  { path: `${own}/sign-out`, method: 'POST', headers: ['Sec-Fetch-Site: cross-site'] },
  { host: 'signin.corp.test', path: `${own}/callback?state=x&code=y` },
  ...['signin', 'admin', 'strong', 'reader', 'pub'].map((name) => ({ host: `${name}.corp.test` })),
  { webSocket: '8', headers: ['X: y'] },
  { webSocket: '13', headers: ['Origin: null'] },
].map((asks) => ('behind' in asks ? { cookie: asks.behind } : asks));

describe('row 65: whatever is asked', () => {
  it('means the same over HTTP/1.1 and HTTP/2', async () => {
    for (const { cookie: behind, ...asks } of requests) {
      const call = behind === undefined ? asks : { ...asks, cookie: cookie + behind };
      const [http1, http2] = await outcomes(call);
      expect({ call, ...(http2 as object) }).toEqual({ call, ...(http1 as object) });
    }
  });
});

const lines: readonly (readonly string[])[] = [
  ['X-A: \xe9\xff\x80', 'X-Empty:', 'X-Tab: a\tb'],
  ["!#$%&'*+-.^_`|~: x", '__proto__: x', 'constructor: y'],
  ['TE: gzip', 'HTTP2-Settings: x', 'Keep-Alive: x', 'Proxy-Connection: close', 'Upgrade: h2c'],
  ['Connection: X-Hop', 'X-Hop: 1', 'X-Stay: 2'],
  ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'Content-Type: a/b', 'Content-Type: c/d'],
  ['Location: /a', 'Location: /b', 'ETag: "1"', 'ETag: "2"', 'Date: x'],
  ['Trailer: X', 'Host: evil', 'Cookie: a=b', 'Server: x', 'Alt-Svc: h3=":443"'],
];

describe('row 46: whatever an upstream says', () => {
  it.each(['GET', 'HEAD', 'POST'])(
    'means the same over both to who asked with %s',
    async (method) => {
      const body = method === 'HEAD' ? '' : 'hello';
      for (const said of lines) {
        const head = ['HTTP/1.1 200 OK', ...said, 'Content-Length: 5'].join('\r\n');
        edge.upstream.script = () => `${head}\r\n\r\n${body}`;
        const [http1, http2] = await outcomes({ method });
        expect({ said, ...(http2 as object) }).toEqual({ said, ...(http1 as object) });
      }
      for (const status of [204, 205, 304, 404, 421, 503, 599]) {
        const text = [204, 205, 304].includes(status) ? '' : body;
        edge.upstream.script = () =>
          `HTTP/1.1 ${status} X\r\nContent-Length: ${text === '' ? 0 : 5}\r\n\r\n${text}`;
        const [http1, http2] = await outcomes({ method });
        expect({ answer: status, ...(http2 as object) }).toEqual({
          answer: status,
          ...(http1 as object),
        });
      }
    },
  );
});
