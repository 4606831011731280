import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestCall } from '../testing/calls.ts';
import { call, RawClient } from '../testing/client.ts';
import { Http2Client } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { block, endHeaders, endStream, frame, types } from '../testing/frames.ts';
import { FrameUpstream, Http2Upstream } from '../testing/http2-upstream.ts';
import { setUpstream } from '../testing/upstream-spec.ts';

/** Abuse rows 45 and 46 of an upstream that speaks HTTP/2: sent frame by frame. */

let edge: TestEdge;
let upstream: FrameUpstream;
let cookie: string;
let client: Http2Client;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  upstream = await FrameUpstream.start(edge);
  client = await Http2Client.connect(edge);
  await setUpstream(edge, { url: upstream.url, protocol: 'http2' });
});
afterAll(async () => {
  client.close();
  await edge.stop();
  await upstream.stop();
});
beforeEach(async () => {
  await edge.settle();
  upstream.frames.all.length = 0;
});

type Fields = readonly (readonly [string, string])[];
const ok: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const status: Fields = [['grpc-status', '0']];

const head = (id: number, fields: Fields, flags = endHeaders) =>
  frame(types.headers, flags, id, block(fields));
const last = (id: number, fields: Fields) => head(id, fields, endHeaders | endStream);
const data = (id: number, text: string, flags = 0) =>
  frame(types.data, flags, id, Buffer.from(text));
const reset = (id: number, code: number) => frame(types.reset, 0, id, Buffer.of(0, 0, 0, code));
const goAway = (lastId: number, code = 0) =>
  frame(types.goAway, 0, 0, Buffer.of(0, 0, 0, lastId, 0, 0, 0, code));

/** Sends these for each request, once it is known which stream it is. */
function answer(frames: (id: number) => readonly Buffer[]): void {
  upstream.script = ({ type, streamId }) => (type === types.headers ? frames(streamId) : []);
}

/** One call of gRPC, and one plain request over HTTP/1.1. */
async function both() {
  const one = TestCall.open(client, '/a.B/C', { cookie });
  one.stream.end('x');
  await one.ended();
  const plain = call(edge, { cookie, path: '/plain' }).catch(() => null);
  return { one, plain: await plain };
}

/** Somebody else is served as if nothing had been. */
async function othersAreWell(): Promise<void> {
  answer((id) => [head(id, ok), data(id, 'hello'), last(id, status)]);
  const { one, plain } = await both();
  expect([one.body, one.grpcStatus, plain?.status, plain?.body]).toEqual([
    'hello',
    '0',
    200,
    'hello',
  ]);
}

describe('row 46: before anything is answered, a call ends with a status and a request with 502', () => {
  const flood = Array.from({ length: 9 }, () => [[':status', '103']] as const);
  it.each<readonly [string, (id: number) => readonly Buffer[]]>([
    ['a field between neighbours', (id) => [last(id, [...ok, ['connection', 'close']])]],
    ['a coding of another protocol', (id) => [last(id, [...ok, ['transfer-encoding', 'chunked']])]],
    ['a line break in a field', (id) => [last(id, [...ok, ['x-a', 'b\r\nset-cookie: c']])]],
    ['a name in capitals', (id) => [last(id, [...ok, ['X-A', 'b']])]],
    ['a name that is none', (id) => [last(id, [...ok, ['x a', 'b']])]],
    ['two statuses', (id) => [last(id, [[':status', '200'], ...ok])]],
    ['no status', (id) => [last(id, status)]],
    ['a status that is none', (id) => [last(id, [[':status', '2000']])]],
    ['status 101', (id) => [last(id, [[':status', '101']])]],
    ['two lengths', (id) => [head(id, [...ok, ['content-length', '1'], ['content-length', '2']])]],
    ['interim answers without end', (id) => flood.map((fields) => head(id, fields))],
    ['headers without measure', (id) => [last(id, [...ok, ['x-a', 'b'.repeat(17_000)]])]],
    [
      'fields without number',
      (id) => [last(id, [...ok, ...Array.from({ length: 300 }, () => ['x', 'y'] as const)])],
    ],
    ['data and no headers', (id) => [data(id, 'hello', endStream)]],
    ['nothing but a reset', (id) => [reset(id, 0)]],
    ['a reset for a bug', (id) => [reset(id, 2)]],
    [
      'a promise',
      (id) => [frame(5, endHeaders, id, Buffer.concat([Buffer.of(0, 0, 0, 2), block(ok)]))],
    ],
    [
      'a frame that is too large',
      () => [Buffer.concat([Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1)])],
    ],
    ['no HTTP/2', () => [Buffer.from('HTTP/1.1 200 OK\r\n\r\n')]],
  ])('%s', async (_name, frames) => {
    answer(frames);
    const { one, plain } = await both();
    expect([one.status, one.whole, one.rstCode]).toEqual([200, true, 0]);
    expect(['13', '14']).toContain(one.grpcStatus);
    expect(plain?.status).toBe(502);
    await expect.poll(() => edge.records.all.map(({ status: code }) => code)).toEqual([502, 502]);
    await othersAreWell();
  });
});

describe('row 46: half a response never looks whole', () => {
  it.each<readonly [string, (id: number) => readonly Buffer[]]>([
    ['a reset without an error', (id) => [reset(id, 0)]],
    ['a reset', (id) => [reset(id, 2)]],
    ['a status among trailers', (id) => [last(id, ok)]],
    ['trailers that are not the end', (id) => [head(id, status), data(id, 'more', endStream)]],
    ['a line break in trailers', (id) => [last(id, [...status, ['x-a', 'b\r\nc: d']])]],
    [
      'a field between neighbours in trailers',
      (id) => [last(id, [...status, ['connection', 'x']])],
    ],
    ['the connection going away at once', () => [goAway(0, 2)]],
  ])('%s', async (_name, frames) => {
    answer((id) => [head(id, ok), data(id, 'half'), ...frames(id)]);
    const one = TestCall.open(client, '/a.B/C', { cookie });
    one.stream.end('x');
    await one.ended();
    const said = one.rstCode !== 0 || (one.grpcStatus !== undefined && one.grpcStatus !== '0');
    expect([one.body, said]).toEqual(['half', true]);
    const plain = await call(edge, { cookie, path: '/plain' }).catch(
      (error: Error) => error.message,
    );
    expect(plain).toMatch(/closed/);
    await othersAreWell();
  });

  it('a length that is not kept', async () => {
    for (const length of ['3', '30']) {
      answer((id) => [head(id, [...ok, ['content-length', length]]), data(id, 'hello', endStream)]);
      const { one, plain } = await both();
      expect(one.rstCode !== 0 || one.grpcStatus !== '0').toBe(true);
      expect(plain === null || plain.status === 502).toBe(true);
    }
    await othersAreWell();
  });
});

describe('row 46: what is ours to say', () => {
  it('is taken out of headers and of trailers', async () => {
    const ours: Fields = [
      ['set-cookie', '__Host-sallyport=stolen'],
      ['sallyport-assertion', 'forged'],
      ['x-forwarded-for', '10.0.0.1'],
      ['alt-svc', 'h3=":443"'],
    ];
    answer((id) => [
      head(id, [...ok, ...ours, ['x-a', '1'], ['x-a', '2']]),
      last(id, [...status, ...ours, ['content-type', 'text/html'], ['host', 'evil'], ['x-t', '3']]),
    ]);
    const { one, plain } = await both();
    expect([one.grpcStatus, one.trailers]).toEqual(['0', { 'grpc-status': '0', 'x-t': '3' }]);
    expect(Object.keys(one.headers).sort()).toEqual([
      ':status',
      'content-type',
      'date',
      'sallyport-request-id',
      'x-a',
    ]);
    expect(plain?.all('x-a')).toEqual(['1', '2']);
    for (const [name] of ours) expect(plain?.all(name)).toEqual([]);
  });
});

describe('an upstream that did nothing with a request', () => {
  /** Refuses the first of each kind, in this way. */
  function refuseFirst(frames: (id: number) => readonly Buffer[]): void {
    let refused = 0;
    answer((id) => {
      refused += 1;
      return refused === 1 ? frames(id) : [head(id, ok), data(id, 'hello'), last(id, status)];
    });
  }

  it.each([
    ['by a reset', (id: number) => [reset(id, 7)]],
    ['by going away', (id: number) => [goAway(id > 1 ? id - 2 : 0)]],
  ])(
    'is asked again, whatever the method, if nothing of a body is gone: %s',
    async (_name, frames) => {
      refuseFirst(frames);
      const post = await call(edge, { cookie, method: 'POST', path: '/empty', body: '' });
      expect([post.status, post.body]).toEqual([200, 'hello']);
      refuseFirst(frames);
      const one = TestCall.open(client, '/a.B/C', { cookie });
      await one.begun();
      one.stream.end('x');
      await one.ended();
      expect([one.body, one.grpcStatus]).toEqual(['hello', '0']);
    },
  );

  it('is not asked again once something of the body is gone, nor for any other code', async () => {
    for (const code of [7, 8, 2, 11]) {
      const before = upstream.frames.all.length;
      let answered = 0;
      upstream.script = ({ type, streamId }) => {
        if (type !== types.data || answered > 0) return [];
        answered += 1;
        return [reset(streamId, code)];
      };
      const one = TestCall.open(client, '/a.B/C', { cookie });
      one.stream.end('x');
      await one.ended();
      expect(one.whole).toBe(true);
      expect(one.grpcStatus).toBe('14');
      const asked = upstream.frames.all.slice(before).filter(({ type }) => type === types.headers);
      expect(asked.length).toBe(1);
    }
  });

  it('and does so every time is given up, within the budget', async () => {
    const before = upstream.frames.all.filter(({ type }) => type === types.headers).length;
    answer((id) => [reset(id, 7)]);
    const counted = edge.worker.upstreams().busy.refused;
    const post = await call(edge, { cookie, method: 'POST', path: '/empty', body: '' });
    expect([post.status, post.body]).toEqual([503, expect.stringContaining('"upstream_busy"')]);
    expect(edge.worker.upstreams().busy.refused).toBe(counted + 1);
    const asked = upstream.frames.all.filter(({ type }) => type === types.headers).length - before;
    expect(asked).toBeLessThanOrEqual(2);
  });
});

describe('requests for which no connection is to be had', () => {
  it('are counted each, though one connection would do for all', async () => {
    const usual = edge.connectionRoom.descriptorsMax;
    // Another target than the one that there is a connection to.
    const elsewhere = { url: upstream.url, serverName: 'elsewhere.corp.localhost' };
    await setUpstream(edge, { ...elsewhere, protocol: 'http2', limits: { queueWait: '1s' } });
    edge.connectionRoom.descriptorsMax = 0;
    const counted = edge.worker.upstreams().busy.connections;
    const asked = ['/1', '/2', '/3'].map((path) => client.ask({ cookie, path }));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(edge.worker.upstreams().busy.connections).toBe(counted + 3);
    edge.connectionRoom.descriptorsMax = usual;
    await setUpstream(edge, { url: upstream.url, protocol: 'http2' });
  });
});

describe('half a request', () => {
  const cancelCode = 8;
  const ends = () => upstream.frames.all.filter(({ flags }) => (flags & endStream) !== 0);
  const begun = () =>
    expect
      .poll(() => upstream.frames.all.filter(({ type }) => type === types.data).length)
      .toBeGreaterThan(0);

  it.each(['nothing', 'headers'])(
    'never looks whole, whichever protocol it came by: %s',
    async (sent) => {
      answer((id) => (sent === 'headers' ? [head(id, ok)] : []));
      const one = TestCall.open(client, '/a.B/C', { cookie });
      one.stream.write('half');
      await begun();
      one.cancel();
      const reset = await upstream.frames.first(({ type }) => type === types.reset);
      expect(reset.payload.readUInt32BE(0)).toBe(cancelCode);
      upstream.frames.all.length = 0;
      const plain = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      plain.send(
        `POST / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
      );
      await begun();
      plain.close();
      const second = await upstream.frames.first(({ type }) => type === types.reset);
      expect(second.payload.readUInt32BE(0)).toBe(cancelCode);
      expect(ends()).toEqual([]);
      await expect
        .poll(() => edge.records.all.map(({ ending }) => ending))
        .toEqual(['client_closed', 'client_closed']);
      await othersAreWell();
    },
  );
});

describe('row 45: streams and connections', () => {
  it('an answer on a stream that nobody opened, or that is over, reaches nobody', async () => {
    answer((id) => [
      head(id, ok),
      data(id, 'hello'),
      last(id, status),
      last(id + 2, [...ok, ['x-poison', '1']]),
      data(id, 'poison', endStream),
    ]);
    const first = TestCall.open(client, '/a.B/C', { cookie });
    first.stream.end('x');
    await first.ended();
    answer((id) => [head(id, ok), data(id, 'clean'), last(id, status)]);
    const second = TestCall.open(client, '/a.B/C', { cookie });
    second.stream.end('x');
    await second.ended();
    expect(second.body === 'clean' || second.grpcStatus !== '0').toBe(true);
    expect(second.headers['x-poison']).toBeUndefined();
    await othersAreWell();
  });

  it('are of one route and one trust level alone', async () => {
    const before = upstream.connections;
    await othersAreWell();
    await setUpstream(edge, { url: upstream.url, protocol: 'http2' }, {}, 'pub');
    answer((id) => [head(id, ok), data(id, 'hello'), last(id, status)]);
    await call(edge, { host: 'pub.corp.test' });
    expect(upstream.connections).toBeGreaterThan(before);
    await setUpstream(edge, { url: upstream.url, protocol: 'http2' });
  });
});

describe('an upstream that was said to speak HTTP/2', () => {
  it('and agrees on something else is not spoken to', async () => {
    const other = await FrameUpstream.start(edge, 'http/1.1');
    await setUpstream(edge, { url: other.url, protocol: 'http2' });
    const { one, plain } = await both();
    expect([one.grpcStatus, one.grpcMessage]).toEqual([
      '14',
      expect.stringMatching(/^upstream_protocol: /),
    ]);
    expect([plain?.status, plain?.body]).toEqual([
      502,
      expect.stringContaining('upstream_protocol'),
    ]);
    expect(other.frames.all).toEqual([]);
    // Nor one that agrees on nothing at all, as most of HTTP/1.1 do.
    await setUpstream(edge, { protocol: 'http2' });
    expect((await both()).plain?.body).toContain('upstream_protocol');
    expect(edge.upstream.bytes).toBe('');
    await other.stop();
  });

  it('and takes no streams has none waiting for ever', async () => {
    const full = await Http2Upstream.start(edge, { settings: { maxConcurrentStreams: 0 } });
    await setUpstream(edge, { url: full.url, protocol: 'http2' });
    const { one, plain } = await both();
    expect([one.grpcStatus, plain?.status]).toEqual(['14', 503]);
    await full.stop();
  });

  it('and takes nothing of a body has it waiting no longer than for an answer', async () => {
    const stuck = await Http2Upstream.start(edge, { settings: { initialWindowSize: 0 } });
    stuck.handler = () => undefined;
    const timeouts = { headers: '1s' };
    await setUpstream(edge, { url: stuck.url, protocol: 'http2', timeouts });
    // More than is held back on its way.
    const post = { cookie, method: 'POST', path: '/large', body: 'x'.repeat(300_000) };
    const response = await call(edge, post);
    expect([response.status, response.body.includes('"upstream_timeout"')]).toEqual([504, true]);
    await expect.poll(() => edge.worker.upstreams().active).toBe(0);
    await setUpstream(edge, { url: upstream.url, protocol: 'http2' });
    await stuck.stop();
  });

  it('takes no more streams at once than it says, over as many connections as that needs', async () => {
    const few = await Http2Upstream.start(edge, { settings: { maxConcurrentStreams: 2 } });
    await setUpstream(edge, { url: few.url, protocol: 'http2' });
    few.handler = () => undefined;
    const calls = Array.from({ length: 5 }, () => TestCall.open(client, '/a.B/C', { cookie }));
    await expect.poll(() => few.arrivals.all.length).toBe(5);
    expect(few.sessions).toBe(3);
    for (const { stream } of few.arrivals.all)
      stream.respond({ ':status': 200 }, { endStream: true });
    for (const one of calls) expect((await one.ended()).status).toBe(200);
    await few.stop();
  });

  it('is spoken to anew once a connection is old, and what is under way on that goes on', async () => {
    const aged = await Http2Upstream.start(edge);
    await setUpstream(edge, { url: aged.url, protocol: 'http2', connectionMaxAge: '1s' });
    aged.handler = (stream, { headers }) => {
      if (headers[':path'] !== '/long') stream.respond({ ':status': 200 }, { endStream: true });
    };
    const long = TestCall.open(client, '/long', { cookie });
    const first = await aged.arrivals.first(({ headers }) => headers[':path'] === '/long');
    await expect
      .poll(async () => (await client.ask({ cookie })).status === 200 && aged.sessions, {
        timeout: 20_000,
      })
      .toBe(2);
    first.stream.respond({ ':status': 200 }, { endStream: true });
    expect((await long.ended()).status).toBe(200);
    await expect.poll(() => aged.openConnections).toBe(1);
    await setUpstream(edge, { url: upstream.url, protocol: 'http2' });
    await aged.stop();
  });

  it('is asked whether it is well by the same protocol, over a connection of its own', async () => {
    const well = await Http2Upstream.start(edge);
    await setUpstream(edge, {
      url: well.url,
      protocol: 'http2',
      health: { path: '/healthz', interval: '1s', timeout: '1s' },
    });
    const check = await well.arrivals.first(({ headers }) => headers[':path'] === '/healthz');
    expect(check.headers).toMatchObject({
      ':method': 'GET',
      'user-agent': 'Sallyport-Health-Check',
    });
    expect(check.headers['sallyport-assertion']).toBeUndefined();
    await expect.poll(() => well.openConnections).toBe(0);
    await setUpstream(edge, { url: well.url, protocol: 'http2' });
    await well.stop();
  });

  it('is spoken to without TLS only where the route says so, and then without asking', async () => {
    const { createServer } = await import('node:http2');
    const plainServer = createServer((request, response) => {
      response.end(`${request.httpVersion} ${request.headers[':scheme'] as string}`);
    });
    await new Promise<void>((resolve) => plainServer.listen(0, '127.0.0.1', resolve));
    const { port } = plainServer.address() as { port: number };
    await setUpstream(edge, {
      url: `http://127.0.0.1:${port}`,
      protocol: 'http2',
      plainHttp: true,
      trustBundle: undefined,
    });
    const plain = await call(edge, { cookie, path: '/plain' });
    expect([plain.status, plain.body]).toEqual([200, '2.0 http']);
    await setUpstream(edge, { url: upstream.url, protocol: 'http2' });
    plainServer.close();
  });
});
