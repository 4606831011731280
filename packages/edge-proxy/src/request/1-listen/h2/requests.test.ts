import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../../testing/client.ts';
import { Http2Client, responseOf, type StreamCall } from '../../testing/client-h2.ts';
import { TestEdge } from '../../testing/edge.ts';
import {
  block,
  endHeaders,
  endStream,
  FrameClient,
  frame,
  requestFields,
  types,
} from '../../testing/frames.ts';
import { ok } from '../../testing/recorder.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());

let client: Http2Client;
beforeEach(async () => {
  client = await Http2Client.connect(edge);
});
afterEach(async () => {
  client.close();
  edge.upstream.script = ok;
  // The process is alive and the next normal request works.
  expect((await call(edge, { cookie, path: '/alive' })).status).toBe(200);
  await edge.settle();
});

async function record() {
  await expect.poll(() => edge.records.all.length).toBe(1);
  const [only] = edge.records.all;
  if (only === undefined) throw new Error('no record');
  return only;
}

/** The common oracle of the list of abuse, for a stream. */
async function expectRefused(options: StreamCall, status: number, code: string): Promise<void> {
  const response = await client.ask({ cookie, ...options });
  expect([response.status, response.rstCode]).toEqual([status, 0]);
  expect(edge.upstream.bytes).toBe('');
  expect(await record()).toMatchObject({ outcome: 'refused', status, reasons: [code] });
}

/** Nobody but nghttp2 has seen it: the stream is reset, and there is a record all the same. */
async function expectReset(fields: Readonly<Record<string, string>>, code = 'malformed') {
  const raw = await FrameClient.connect(edge);
  raw.ask(1, requestFields(edge, cookie, fields));
  raw.ask(3, requestFields(edge, cookie, { ':path': '/next' }));
  await raw.first(types.reset, 1);
  await raw.first(types.headers, 3);
  raw.close();
  await expect.poll(() => edge.records.all.length).toBe(2);
  const refused = edge.records.all.find(({ path }) => path === '');
  expect(refused).toMatchObject({ outcome: 'refused', reasons: [code], status: 0 });
  expect(refused?.certificateSha256).toBe(edge.laptop.sha256);
  expect(edge.upstream.bytes).not.toMatch(/GET \/ /);
}

/** Takes an upload back that is half way. */
async function resetUpload(code: number): Promise<void> {
  const raw = await FrameClient.connect(edge);
  const fields = requestFields(edge, cookie, { ':method': 'POST', ':path': '/up' });
  raw.send(types.headers, endHeaders, 1, block(fields));
  raw.send(types.data, 0, 1, Buffer.from('half'));
  await expect.poll(() => edge.upstream.bytes).toMatch(/half$/);
  raw.send(types.reset, 0, 1, Buffer.of(0, 0, 0, code));
}

describe('a request over HTTP/2', () => {
  it('is decided on and forwarded as over HTTP/1.1', async () => {
    const response = await client.ask({ cookie, path: '/a?b=c' });
    expect([response.status, response.body, response.rstCode]).toEqual([200, 'hello', 0]);
    expect(edge.upstream.bytes).toMatch(/^GET \/a\?b=c HTTP\/1\.1\r$/m);
    expect(edge.upstream.bytes).toMatch(new RegExp(`^host: app.corp.test:${edge.port}\r$`, 'm'));
    expect(edge.upstream.bytes.match(/^Sallyport-Assertion:/gm)?.length).toBe(1);
    expect(await record()).toMatchObject({
      outcome: 'permit',
      method: 'GET',
      host: 'app.corp.test',
      path: '/a',
      userId: 'usr_alice',
      deviceId: 'dev_laptop',
      status: 200,
      ending: 'complete',
    });
  });

  it('runs beside others of its connection, which one that is slow does not hold up', async () => {
    edge.upstream.script = (head, connection) =>
      head.includes('/slow') ? null : ok(head, connection);
    const slow = client.ask({ cookie, path: '/slow' });
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    expect((await client.ask({ cookie, path: '/quick' })).status).toBe(200);
    expect((await client.ask({ path: '/denied' })).status).toBe(401);
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/slow'));
    upstream?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    expect((await slow).body).toBe('done');
    await expect.poll(() => edge.records.all.length).toBe(3);
    expect(new Set(edge.records.all.map(({ correlationId }) => correlationId)).size).toBe(3);
  });

  it('has one Cookie, whatever crumbs it came in (row 75)', async () => {
    const crumbs = ['cookie: a=1', `cookie: ${cookie}`, 'cookie: b="2"; c=3'];
    expect((await client.ask({ headers: crumbs })).status).toBe(200);
    expect(edge.upstream.bytes.match(/^cookie: .*$/gim)).toEqual(['cookie: a=1; b="2"; c=3']);
  });

  it('takes as many cookies as a browser keeps, each in a line of its own', async () => {
    const crumbs = Array.from({ length: 150 }, (_, index) => `cookie: c${index}=x`);
    expect((await client.ask({ cookie, headers: crumbs })).status).toBe(200);
  });

  it('is sent away where its host is out of reach of the connection, which goes on (rows 8 and 9)', async () => {
    await expectRefused({ host: 'reports.fin.test' }, 421, 'host_misdirected');
    expect((await client.ask({ cookie })).status).toBe(200);
  });

  it('is judged by its own host, whichever the connection was made for (row 9)', async () => {
    const response = await client.ask({ cookie, host: 'admin.corp.test' });
    expect(response.status).toBe(401);
    expect(edge.upstream.bytes).toBe('');
  });

  it('may name its host twice, if twice the same', async () => {
    const same = [`host: app.corp.test:${edge.port}`];
    expect((await client.ask({ cookie, headers: same })).status).toBe(200);
    await edge.settle();
    await expectRefused({ headers: ['host: admin.corp.test'] }, 400, 'host_invalid');
  });

  it.each([
    ['no authority', { ':authority': undefined }, 0, 'malformed'],
    [
      'a host without an authority',
      { ':authority': undefined, host: 'app.corp.test' },
      400,
      'host_invalid',
    ],
    ['an authority with a user', { ':authority': 'a@app.corp.test' }, 0, 'malformed'],
    ['an authority that is no host', { ':authority': 'app_.corp.test' }, 400, 'host_invalid'],
    ['the scheme http', { ':scheme': 'http' }, 400, 'target_invalid'],
    ['a fragment', { ':path': '/a#b' }, 400, 'target_invalid'],
    ['a backslash', { ':path': '/a\\b' }, 400, 'target_invalid'],
    ['an octet that is no ASCII', { ':path': '/\xe9' }, 400, 'target_invalid'],
    ['two slashes', { ':path': '/a//b' }, 400, 'path_ambiguous'],
    ['a path without its slash', { ':path': 'admin' }, 0, 'malformed'],
    ['an absolute path', { ':path': 'https://app.corp.test/' }, 0, 'malformed'],
    ['an empty path', { ':path': '' }, 0, 'malformed'],
    ['a star', { ':path': '*' }, 0, 'malformed'],
    ['a space in the path', { ':path': '/a b' }, 0, 'malformed'],
    ['the method TRACE', { ':method': 'TRACE' }, 405, 'method_unsupported'],
    ['the method FOO', { ':method': 'FOO' }, 405, 'method_unsupported'],
    ['a line break in the method', { ':method': 'GET\r\nX: y' }, 0, 'malformed'],
    ['another pseudo-header', { ':other': 'x' }, 0, 'malformed'],
    ['a coding of its body', { 'transfer-encoding': 'chunked' }, 0, 'malformed'],
    ['a coding in another spelling', { transfer_encoding: 'chunked' }, 400, 'header_invalid'],
    ['a connection header', { connection: 'x-a' }, 0, 'malformed'],
    ['an upgrade', { upgrade: 'h2c' }, 0, 'malformed'],
    ['TE: gzip', { te: 'gzip' }, 0, 'malformed'],
    ['a name in capitals', { 'X-Big': 'x' }, 0, 'malformed'],
    ['a length and no body', { 'content-length': '3' }, 0, 'malformed'],
  ])('is refused with %s (rows 38, 42, 44)', async (_name, change, status, code) => {
    const raw = await FrameClient.connect(edge);
    const all = requestFields(edge, cookie, { ':path': '/odd', ...change } as never);
    const fields = all.filter(([, value]) => value !== undefined);
    raw.ask(1, [...fields.filter(([n]) => n[0] === ':'), ...fields.filter(([n]) => n[0] !== ':')]);
    if (status === 0) await raw.first(types.reset, 1);
    else await raw.first(types.headers, 1);
    raw.close();
    expect(await record()).toMatchObject({ outcome: 'refused', reasons: [code], status });
    expect(edge.upstream.bytes).toBe('');
  });

  it.each([
    ['a line break in a value', 'x-a', 'b\r\nsallyport-assertion: forged'],
    ['a NUL in a value', 'x-a', 'b\0c'],
    ['a line feed in a value', 'x-a', 'b\nc'],
    ['a space before a value', 'x-a', ' b'],
    ['a space behind a value', 'x-a', 'b '],
    ['a space in a name', 'x a', 'b'],
    ['a colon in a name', 'x:a', 'b'],
    ['a line break in a name', 'x\r\na', 'b'],
    ['an empty name', '', 'b'],
  ])('is refused with %s, also without that header (row 42)', async (_name, name, value) => {
    const raw = await FrameClient.connect(edge);
    raw.ask(1, requestFields(edge, cookie, { ':path': '/odd', [name]: value }));
    await raw.frames.first(({ type, streamId }) => streamId === 1 && type !== types.data);
    raw.close();
    const { outcome, reasons } = await record();
    expect(outcome).toBe('refused');
    expect(['header_invalid', 'malformed']).toContain(reasons[0]);
    expect(edge.upstream.bytes).toBe('');
  });

  it('is refused in the same way where its header section comes in pieces', async () => {
    const raw = await FrameClient.connect(edge);
    const bytes = block(requestFields(edge, cookie, { 'x-a': 'b\nc' }));
    raw.send(types.headers, 0x1, 1, bytes.subarray(0, 20));
    raw.send(types.continuation, 0, 1, bytes.subarray(20, 21));
    raw.send(types.continuation, endHeaders, 1, bytes.subarray(21));
    await raw.first(types.headers, 1);
    raw.close();
    expect(await record()).toMatchObject({ reasons: ['header_invalid'], status: 400 });
  });

  it('leaves a record where it was reset before anybody could look at it (row 144)', async () => {
    await expectReset({ te: 'gzip' });
  });

  it('is refused with too many headers, and recorded, however many there are', async () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'y']));
    const headers = Object.keys(many(101)).map((name) => `${name}: y`);
    await expectRefused({ headers }, 431, 'headers_too_many');
    await edge.settle();
    await expectReset(many(300), 'headers_too_many');
  });

  it('is refused with headers that are too large (row 137)', async () => {
    await expectRefused({ headers: [`x: ${'y'.repeat(20_000)}`] }, 431, 'headers_too_large');
    await edge.settle();
    client.close();
    client = await Http2Client.connect(edge);
    const bomb = Array.from({ length: 90 }, (_, index) => `x-${index}: ${'y'.repeat(500)}`);
    await expectRefused({ headers: bomb }, 431, 'headers_too_large');
  });

  it('ends a connection whose header section has no end (rows 136, 137)', async () => {
    const raw = await FrameClient.connect(edge);
    raw.send(types.headers, 0, 1, block(requestFields(edge, cookie)));
    const piece = block([['x-a', 'y'.repeat(16_000)]]);
    for (let count = 0; count < 5; count += 1) raw.send(types.continuation, 0, 1, piece);
    await raw.closed();
    expect((await record()).outcome).toBe('refused');
    expect(edge.upstream.bytes).toBe('');
  });

  it('is refused with CONNECT, whatever it names (row 38)', async () => {
    const raw = await FrameClient.connect(edge);
    raw.send(
      types.headers,
      endHeaders,
      1,
      block([
        [':method', 'CONNECT'],
        [':authority', '127.0.0.1:22'],
      ]),
    );
    await raw.first(types.headers, 1);
    raw.close();
    expect(await record()).toMatchObject({ reasons: ['method_unsupported'], status: 405 });
  });

  it('takes names of the object prototype for what they are (row 141)', async () => {
    const headers = ['__proto__: a', 'constructor: b', 'tostring: c'];
    expect((await client.ask({ cookie, headers })).status).toBe(200);
    expect(edge.upstream.bytes).toContain('__proto__: a\r\nconstructor: b\r\ntostring: c\r\n');
  });

  it('ends its connection with it where it is refused, and lets others go on', async () => {
    edge.upstream.script = () => null;
    const slow = client.ask({ cookie, path: '/slow' });
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    const left = once(client.session, 'goaway');
    expect((await client.ask({ cookie, path: '/a//b' })).status).toBe(400);
    expect((await left)[0]).toBe(0);
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/slow'));
    upstream?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    expect((await slow).body).toBe('done');
    await client.closed();
  });

  it('has its whole answer before the client is told to go: some take nothing any more then', async () => {
    const raw = await FrameClient.connect(edge);
    raw.ask(1, requestFields(edge, cookie, { ':path': '/a//b' }));
    await raw.first(types.goAway, 0);
    raw.close();
    const said = raw.frames.all.map(({ type, flags }) => `${type} ${flags}`);
    const { headers, data, ping, goAway } = types;
    const from = said.indexOf(`${headers} ${endHeaders}`);
    expect(said.slice(from)).toEqual([
      `${headers} ${endHeaders}`,
      `${data} ${endStream}`,
      `${ping} 0`,
      `${goAway} 0`,
    ]);
    expect((await record()).reasons).toEqual(['path_ambiguous']);
  });

  it('is not served over a connection that speaks something else (row 48)', async () => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: edge.port,
      servername: 'app.corp.test',
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    await once(socket, 'close');
    expect(await record()).toMatchObject({ outcome: 'refused', reasons: ['malformed'], status: 0 });
  });
});

describe('what goes both ways over HTTP/2', () => {
  it('is streamed to the upstream as it comes', async () => {
    const stream = client.open({ cookie, method: 'POST', path: '/up' });
    const response = responseOf(stream);
    stream.write('abc');
    await expect.poll(() => edge.upstream.bytes).toMatch(/3\r\nabc$/);
    stream.end('def');
    expect((await response).status).toBe(200);
    expect(edge.upstream.bytes).toMatch(/3\r\ndef\r\n0\r\n\r\n$/);
    expect(await record()).toMatchObject({ bytesIn: 6, bytesOut: 5, ending: 'complete' });
  });

  it('goes on with a body that is empty and was over before the request was decided on', async () => {
    const raw = await FrameClient.connect(edge);
    // Seen for the first time, it takes a moment to open.
    const session = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    const fields = block(requestFields(edge, session, { ':method': 'POST' }));
    const nothing = Buffer.alloc(0);
    raw.socket.write(
      Buffer.concat([
        frame(types.headers, endHeaders, 1, fields),
        frame(types.data, endStream, 1, nothing),
      ]),
    );
    await raw.first(types.headers, 1);
    raw.close();
    expect(await record()).toMatchObject({ status: 200, ending: 'complete', bytesIn: 0 });
    expect(edge.upstream.bytes).toMatch(/\r\ncontent-length: 0\r\n\r\n$/);
  });

  it('keeps the length that was announced', async () => {
    expect((await client.ask({ cookie, method: 'PUT', body: 'x'.repeat(200_000) })).status).toBe(
      200,
    );
    expect(edge.upstream.bytes).toMatch(/^content-length: 200000\r$/m);
  });

  it.each([
    ['is reset', () => resetUpload(8)],
    ['is reset without an error', () => resetUpload(0)],
    [
      'loses its connection',
      async () => {
        const stream = client.open({ cookie, method: 'POST', path: '/up' });
        stream.write('half');
        await expect.poll(() => edge.upstream.bytes).toMatch(/half$/);
        client.socket.destroy();
      },
    ],
  ])('never gives the upstream half a body for a whole one: it %s', async (_name, breakOff) => {
    edge.upstream.script = () => null;
    await breakOff();
    expect(await record()).toMatchObject({ outcome: 'permit', status: 0, ending: 'client_closed' });
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/up'));
    if (upstream?.socket.closed === false) await once(upstream.socket, 'close');
    expect(edge.upstream.bytes).not.toMatch(/0\r\n\r\n$/);
    expect(edge.worker.openExchanges()).toBe(0);
  });

  it('is streamed to the client as it comes', async () => {
    edge.upstream.script = () =>
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n';
    const stream = client.open({ cookie, path: '/events' });
    stream.end();
    expect(String((await once(stream, 'data'))[0])).toBe('one');
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/events'));
    upstream?.socket.write('3\r\ntwo\r\n0\r\n\r\n');
    expect(String((await once(stream, 'data'))[0])).toBe('two');
    await once(stream, 'close');
    expect(stream.rstCode).toBe(0);
    expect(await record()).toMatchObject({ status: 200, bytesOut: 6, ending: 'complete' });
  });

  it('never looks whole to the client where the upstream broke it off', async () => {
    edge.upstream.script = (_head, { socket }) => {
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
      return null;
    };
    const response = await client.ask({ cookie });
    expect([response.status, response.rstCode]).toEqual([200, 2]);
    expect(await record()).toMatchObject({ status: 200, ending: 'upstream_failed' });
  });

  it('holds the upstream back when the client does not read (row 135)', async () => {
    const total = 32 * 1024 * 1024;
    let written = 0;
    edge.upstream.script = (_head, { socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      const chunk = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        while (written < total) {
          written += chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
      return null;
    };
    const stream = client.open({ cookie, path: '/large' });
    stream.end();
    await once(stream, 'response');
    let before = -1;
    await expect
      .poll(
        () => {
          const still = written === before;
          before = written;
          return still;
        },
        { interval: 200, timeout: 10_000 },
      )
      .toBe(true);
    expect(written).toBeLessThan(total / 2);
    // Another stream of the same connection is not held up by it.
    expect((await client.ask({ path: '/denied' })).status).toBe(401);
    let read = 0;
    stream.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    await once(stream, 'close');
    expect([read, stream.rstCode]).toEqual([total, 0]);
  });

  it('gives the upstream up when the client takes its request back', async () => {
    edge.upstream.script = () => null;
    const stream = client.open({ cookie, path: '/slow' });
    stream.end();
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/slow'));
    stream.close(8);
    if (upstream?.socket.closed === false) await once(upstream.socket, 'close');
    expect(await record()).toMatchObject({ outcome: 'permit', status: 0, ending: 'client_closed' });
  });

  it('lets the client read an answer that comes before its body has gone', async () => {
    const stream = client.open({ cookie: '', method: 'POST' });
    stream.write('x'.repeat(200_000));
    const response = await responseOf(stream);
    expect([response.status, response.rstCode]).toEqual([401, 0]);
  });

  it('asks for a body that was announced, once the request is permitted (row 37)', async () => {
    const headers = ['expect: 100-continue'];
    const stream = client.open({ cookie, method: 'POST', headers });
    const response = responseOf(stream);
    await once(stream, 'continue');
    stream.end('hello');
    expect((await response).status).toBe(200);
    expect(edge.upstream.bytes).not.toMatch(/expect/i);
    await edge.settle();
    await expectRefused({ headers: ['expect: y 100-continue'] }, 417, 'expectation_failed');
  });

  it('drops trailers, whatever they are called (row 39)', async () => {
    const raw = await FrameClient.connect(edge);
    const fields = requestFields(edge, cookie, { ':method': 'POST' });
    raw.send(types.headers, endHeaders, 1, block(fields));
    raw.send(types.data, 0, 1, Buffer.from('ab'));
    raw.ask(1, [
      ['sallyport-assertion', 'x'],
      ['host', 'evil.test'],
      ['cookie', 'a=b'],
    ]);
    await raw.first(types.headers, 1);
    raw.close();
    expect(edge.upstream.bytes).toMatch(/2\r\nab\r\n0\r\n\r\n$/);
    expect(edge.upstream.bytes).not.toMatch(/evil|a=b/);
    expect((await record()).status).toBe(200);
  });

  it('answers HEAD without a body, from upstreams and from us alike', async () => {
    edge.upstream.script = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
    const forwarded = await client.ask({ cookie, method: 'HEAD' });
    expect([forwarded.status, forwarded.header('content-length')]).toEqual([200, '5']);
    const refused = await client.ask({ method: 'HEAD' });
    expect([refused.status, refused.body, refused.rstCode]).toEqual([401, '', 0]);
  });

  it.each([204, 205])(
    'has no length where the status %i says that there is nothing',
    async (status) => {
      edge.upstream.script = () => `HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\nX-A: b\r\n\r\n`;
      const response = await client.ask({ cookie });
      expect([response.status, response.rstCode, response.body]).toEqual([status, 0, '']);
      expect([response.header('content-length'), response.header('x-a')]).toEqual([undefined, 'b']);
    },
  );

  it('is whole to the client, whatever an upstream says of a body that there is not', async () => {
    edge.upstream.script = () => 'HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n';
    const response = await client.ask({ cookie });
    expect([response.status, response.rstCode]).toEqual([204, 0]);
  });

  it('is cut, and what is not answered yet refused, when its user is revoked', async () => {
    edge.upstream.script = (head) =>
      head.includes('/events')
        ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n'
        : null;
    const events = client.open({ cookie, path: '/events' });
    events.end();
    const waiting = client.ask({ cookie, path: '/slow' });
    const uploading = client.open({ cookie, method: 'POST', path: '/up' });
    uploading.write('abc');
    const uploaded = responseOf(uploading);
    await once(events, 'data');
    await expect.poll(() => edge.upstream.bytes).toMatch(/\/slow[^]*abc|abc[^]*\/slow/);
    const told = once(client.session, 'goaway');
    const cut = responseOf(events);
    await edge.apply('revoke', {
      op: 'block',
      revocationId: 'rev_h2',
      kind: 'user',
      subjectId: 'usr_alice',
      expiresAtMs: null,
    });
    expect((await cut).rstCode).toBe(2);
    expect([(await waiting).status, (await uploaded).status]).toEqual([403, 403]);
    expect((await told)[0]).toBe(0);
    await client.closed();
    await edge.apply('revoke', {
      op: 'lifted_block',
      revocationId: 'rev_h2',
      kind: 'user',
      subjectId: 'usr_alice',
    });
    await expect.poll(() => edge.records.all.length).toBe(3);
    expect(new Set(edge.records.all.map(({ ending }) => ending))).toEqual(new Set(['revoked']));
  });

  it('is refused to the upstream where its status is none', async () => {
    edge.upstream.script = () => 'HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n';
    const response = await client.ask({ cookie });
    expect(response.status).toBe(502);
    expect((await record()).reasons).toContain('upstream_bad_response');
  });
});
