import { once } from 'node:events';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Http2Client, responseOf, type StreamCall } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import {
  block,
  endHeaders,
  endStream,
  FrameClient,
  frame,
  requestFields,
  types,
} from '../testing/frames.ts';
import { Oracle, requestText } from '../testing/oracle.ts';
import { ok, type Script } from '../testing/recorder.ts';

let edge: TestEdge;
let alice: Oracle;
let client: Http2Client;
beforeAll(async () => {
  edge = await TestEdge.start();
  alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', 'h2');
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  client = await Http2Client.worded(edge);
});
afterEach(async () => {
  client.close();
  edge.upstream.script = ok;
  await alice.alive();
});

/** Nobody is signed in for it, and it must never be taken for a request of somebody who is. */
const smuggled = requestText('GET /smuggled HTTP/1.1', 'Host: app.corp.test');
const withoutBody: Script = (head, connection) =>
  head.startsWith('HEAD ') ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n' : ok(head, connection);

/** A request with these header lines, and this body in the frames behind it. */
async function post(headers: readonly string[], body: string, more: StreamCall = {}) {
  const { cookie } = alice;
  const stream = client.open({ cookie, method: 'POST', path: '/odd', headers, ...more });
  stream.end(body);
  return responseOf(stream);
}

/** Of a stream that nobody but nghttp2 saw, a record comes when the connection does something else. */
async function recorded(): Promise<AccessRecord> {
  client.close();
  await expect.poll(() => edge.worker.openConnections(), { interval: 5 }).toBe(0);
  await expect.poll(() => edge.records.all.length, { interval: 5 }).toBeGreaterThan(0);
  const [first, ...others] = edge.records.all.toSorted((a, b) => b.path.length - a.path.length);
  // That a connection was broken off for nonsense on it is told besides.
  expect(others.map(({ path, reasons }) => path + reasons.join())).toEqual(
    others.map(() => 'malformed'),
  );
  expect(others.length).toBeLessThanOrEqual(1);
  if (first === undefined) throw new Error('no record');
  return first;
}

/** It is recorded as refused, or broken off where it was let through before it went wrong. */
async function neverWhole(): Promise<void> {
  const { outcome, ending } = await recorded();
  if (outcome === 'refused') {
    expect(edge.upstream.bytes).toBe('');
    return;
  }
  expect([outcome, ending]).toEqual(['permit', 'client_closed']);
  for (const { bytes, socket } of edge.upstream.connections.filter((one) => one.bytes !== '')) {
    await expect.poll(() => socket.destroyed).toBe(true);
    const length = Number(/^content-length: ([0-9]+)\r$/im.exec(bytes)?.[1]);
    const body = bytes.slice(bytes.indexOf('\r\n\r\n') + 4);
    expect(body.length).toBeLessThan(Math.max(1, length));
  }
}

describe('where a request ends over HTTP/2', () => {
  it.each(['HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'GET'])(
    'row 40: is told by its frames alone, also with %s',
    async (method) => {
      edge.upstream.script = withoutBody;
      const first = await post([], smuggled, { method, path: '/first' });
      expect(first.status).toBe(200);
      expect((await client.ask({ path: '/second' })).status).toBe(401);
      await expect.poll(() => edge.records.all.length).toBe(2);
      expect(edge.records.all.map(({ path, bytesIn }) => [path, bytesIn])).toEqual([
        ['/first', smuggled.length],
        ['/second', 0],
      ]);
      // It is there, as the body that it was.
      expect(edge.upstream.bytes.startsWith(`${method} /first `)).toBe(true);
      const chunk = `\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
      expect(edge.upstream.bytes.endsWith(chunk)).toBe(true);
    },
  );

  it('row 41: what is allowed and what is not are decided apart, though they came together', async () => {
    const raw = await FrameClient.connect(edge);
    const asked = [
      ['/allowed', alice.cookie],
      ['/forbidden', 'a=b'],
      ['/allowed-too', alice.cookie],
    ] as const;
    const frames = asked.map(([path, cookie], at) => {
      const fields = block(requestFields(edge, cookie, { ':path': path }));
      return frame(types.headers, endHeaders | endStream, 2 * at + 1, fields);
    });
    raw.socket.write(Buffer.concat(frames));
    for (const id of [1, 3, 5]) await raw.first(types.headers, id);
    await expect.poll(() => edge.records.all.length).toBe(3);
    raw.close();
    const byPath = new Map(edge.records.all.map((record) => [record.path, record]));
    expect(byPath.get('/allowed')).toMatchObject({ outcome: 'permit', userId: 'usr_alice' });
    expect(byPath.get('/forbidden')).toMatchObject({ outcome: 'sign_in', userId: null });
    expect(byPath.get('/allowed-too')).toMatchObject({ outcome: 'permit', userId: 'usr_alice' });
    expect(edge.upstream.bytes).not.toContain('/forbidden');
  });

  it.each([
    ['less than comes', ['content-length: 3'], `abc${smuggled}`],
    ['less than comes, by a byte', ['content-length: 2'], 'abc'],
    ['more than comes', ['content-length: 60'], 'abc'],
    ['nothing, and something comes', ['content-length: 0'], smuggled],
    ['something, and nothing comes', ['content-length: 3'], ''],
    ['a sign', ['content-length: +3'], 'abc'],
    ['a hexadecimal number', ['content-length: 0x3'], 'abc'],
    ['an underscore', ['content-length: 3_0'], 'abc'],
    ['a list', ['content-length: 3, 3'], 'abc'],
    ['the same twice', ['content-length: 3', 'content-length: 3'], 'abc'],
    ['two lengths', ['content-length: 3', 'content-length: 4'], 'abc'],
    ['no digit', ['content-length: '], 'abc'],
    ['a space behind it', ['content-length: 3 '], 'abc'],
    ['20 digits', ['content-length: 99999999999999999999'], 'abc'],
    ['16 digits', ['content-length: 9999999999999999'], 'abc'],
    ['another spelling of its name', ['content_length: 3'], 'abc'],
  ])('rows 26, 31: is never where a length says that has %s', async (_name, lengths, body) => {
    const { status } = await post(lengths, body);
    expect([0, 400]).toContain(status);
    await neverWhole();
    expect(edge.upstream.bytes).not.toContain('/smuggled');
  });

  it.each([
    ['the coding of HTTP/1.1', 'transfer-encoding: chunked'],
    ['no coding', 'transfer-encoding: identity'],
    ['another coding', 'transfer-encoding: gzip'],
    ['an underscore', 'transfer_encoding: chunked'],
    ['a dot', 'transfer.encoding: chunked'],
    ['a space behind its name', 'transfer-encoding : chunked'],
    ['a tab before its name', '\ttransfer-encoding: chunked'],
    ['capitals', 'Transfer-Encoding: chunked'],
    ['a line break before it', 'x: y\r\ntransfer-encoding: chunked'],
    ['a wish for a coding', 'te: chunked'],
    ['a list of wishes', 'te: trailers, chunked'],
    ['a neighbour', 'connection: transfer-encoding'],
    ['a proxy', 'proxy-connection: keep-alive'],
  ])('rows 26, 27, 28: is told by no coding: %s', async (_name, line) => {
    const { status } = await post([line], `0\r\n\r\n${smuggled}`);
    expect([0, 400]).toContain(status);
    expect(await recorded()).toMatchObject({ outcome: 'refused', status });
    expect(edge.upstream.bytes).toBe('');
  });

  it('row 37: is where its frames say, though the upstream did not wait for it', async () => {
    edge.upstream.script = () => null;
    const headers = ['expect: 100-continue', `content-length: ${smuggled.length}`];
    const { cookie } = alice;
    const stream = client.open({ cookie, method: 'POST', path: '/early', headers });
    const response = responseOf(stream);
    await once(stream, 'continue');
    stream.write(smuggled.slice(0, 1));
    await expect.poll(() => edge.upstream.bytes).toMatch(/\r\n\r\nG$/);
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/early'));
    upstream?.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    expect((await response).status).toBe(413);
    stream.end(smuggled.slice(1));
    expect((await client.ask({ path: '/second' })).status).toBe(401);
    await expect.poll(() => edge.records.all.length).toBe(2);
    expect(edge.records.all.map(({ path }) => path)).toEqual(['/early', '/second']);
    expect(edge.upstream.bytes).not.toContain('/smuggled');
  });
});

describe('what a request over HTTP/2 asks for', () => {
  it.each<[number, string, Readonly<Record<string, string>>, readonly string[]]>([
    [36, 'another host in its path', { ':path': 'http://admin.corp.test/' }, []],
    [36, 'two slashes before a host', { ':path': '//admin.corp.test/' }, []],
    [36, 'a scheme that is none', { ':scheme': 'https://admin.corp.test/?' }, []],
    [36, 'the scheme of files', { ':scheme': 'file' }, []],
    [36, 'a path behind its authority', { ':authority': 'app.corp.test/admin' }, []],
    [36, 'a user before its authority', { ':authority': 'app.corp.test@admin.corp.test' }, []],
    [36, 'two authorities', { ':authority': 'app.corp.test, admin.corp.test' }, []],
    [36, 'another Host', {}, ['host: admin.corp.test']],
    [37, 'two expectations', {}, ['expect: 100-continue', 'expect: 100-continue']],
    [38, 'a method in small letters', { ':method': 'get' }, []],
    [38, 'a method with a path', { ':method': 'GET /admin HTTP/1.1\r\nx:' }, []],
    [38, 'no method', { ':method': '' }, []],
    [38, 'a method of 8 KiB', { ':method': 'X'.repeat(8_192) }, []],
    [38, 'a tunnel with a path', { ':method': 'CONNECT', ':authority': '127.0.0.1:22' }, []],
    [38, 'a tunnel of UDP', { ':method': 'CONNECT', ':protocol': 'connect-udp' }, []],
    [38, 'a protocol without a tunnel', { ':protocol': 'websocket' }, []],
    [48, 'HTTP/2 once more', {}, ['upgrade: h2c', 'http2-settings: AAMAAABk']],
    [48, 'HTTP/2 by its settings alone', {}, ['http2-settings: AAMAAABk']],
    [49, 'a WebSocket as HTTP/1.1 does', {}, ['upgrade: websocket', 'connection: upgrade']],
  ])('row %d: is refused where it is %s', async (_row, _name, pseudo, headers) => {
    const asks = { cookie: alice.cookie, path: '/odd', headers, pseudo };
    const { status } = await client.ask(asks);
    expect([0, 400, 405, 421]).toContain(status);
    const record = await recorded();
    expect([record.outcome, record.status, record.reasons.length]).toEqual(['refused', status, 1]);
    expect(edge.upstream.bytes).toBe('');
  });

  it('row 48: is nothing where a connection begins anew', async () => {
    const raw = await FrameClient.connect(edge);
    raw.ask(1, requestFields(edge, alice.cookie, { ':path': '/first' }));
    await raw.first(types.headers, 1);
    raw.socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    raw.ask(3, requestFields(edge, alice.cookie, { ':path': '/second' }));
    await raw.closed();
    await expect.poll(() => edge.records.all.length).toBe(2);
    expect(edge.records.all.map(({ outcome }) => outcome)).toEqual(['permit', 'refused']);
    expect(edge.upstream.bytes).not.toContain('/second');
  });
});
