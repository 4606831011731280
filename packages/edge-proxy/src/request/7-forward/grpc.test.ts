import { constants } from 'node:http2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancel, TestCall } from '../testing/calls.ts';
import { RawClient } from '../testing/client.ts';
import { Http2Client, responseOf } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Http2Upstream } from '../testing/http2-upstream.ts';
import { setUpstream } from '../testing/upstream-spec.ts';

const path = '/wiki.v1.Pages/Get';
let edge: TestEdge;
let upstream: Http2Upstream;
let cookie: string;
let client: Http2Client;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  upstream = await Http2Upstream.start(edge);
  client = await Http2Client.connect(edge);
});
afterAll(async () => {
  client.close();
  await edge.stop();
  await upstream.stop();
});
beforeEach(async () => {
  await edge.settle();
  upstream.arrivals.all.length = 0;
  await use({});
});

/** The upstream of gRPC, with these fields besides. */
function use(more: Parameters<typeof setUpstream>[1]): Promise<void> {
  return setUpstream(edge, { url: upstream.url, protocol: 'http2', ...more });
}

const open = (more: Parameters<typeof TestCall.open>[2] = {}): TestCall =>
  TestCall.open(client, path, { cookie, ...more });

async function record() {
  await expect.poll(() => edge.records.all.length).toBe(1);
  return edge.records.all[0];
}

/** Answers each piece as it comes, and ends when the client does. */
function echo(): void {
  upstream.handler = (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('data', (chunk: Buffer) => stream.write(chunk));
    stream.on('end', () => stream.end());
    stream.on('wantTrailers', () =>
      stream.sendTrailers({
        'grpc-status': '0',
        'x-took-bin': ['AAE', 'AAI'],
        'sallyport-assertion': 'forged',
        'set-cookie': '__Host-sallyport=stolen',
        age: '3',
      }),
    );
  };
}

describe('a call of gRPC', () => {
  it('goes both ways at once, with its trailers, over one connection of HTTP/2', async () => {
    echo();
    const call = open({ headers: ['grpc-timeout: 1H', 'x-odd-bin: AAE', 'x-odd-bin: AAI'] });
    call.stream.write('one');
    await call.begun();
    await expect.poll(() => call.body).toBe('one');
    call.stream.end('two');
    await call.ended();
    expect([call.status, call.body, call.grpcStatus, call.rstCode]).toEqual([
      200,
      'onetwo',
      '0',
      0,
    ]);
    expect(call.trailers).toMatchObject({ 'x-took-bin': 'AAI' });
    // Nothing that belongs in front of a body, and nothing that is ours to say, comes behind it.
    expect(Object.keys(call.trailers ?? {}).sort()).toEqual(['grpc-status', 'x-took-bin']);
    const [arrived] = upstream.arrivals.all;
    expect(arrived?.headers).toMatchObject({
      ':method': 'POST',
      ':path': path,
      ':authority': `app.corp.test:${edge.port}`,
      te: 'trailers',
      'grpc-timeout': '1H',
      'content-type': 'application/grpc',
    });
    expect(arrived?.lines.filter((name) => name === 'x-odd-bin').length).toBe(2);
    expect(await record()).toMatchObject({
      outcome: 'permit',
      method: 'POST',
      path,
      status: 200,
      ending: 'complete',
      bytesIn: 6,
      bytesOut: 6,
    });
  });

  it('row 77: comes with exactly one assertion, and rows 75, 39: with no cookie and no trailer of ours', async () => {
    echo();
    const call = open({
      cookie: `theme=dark; ${cookie}; lang=en`,
      headers: ['sallyport-assertion: forged', 'sallyport_assertion: forged'],
    });
    call.stream.end('x');
    await call.ended();
    const stream = client.session.request(
      {
        ':method': 'POST',
        ':path': path,
        ':authority': `app.corp.test:${edge.port}`,
        'content-type': 'application/grpc',
        cookie,
      },
      { endStream: false, waitForTrailers: true },
    );
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'sallyport-assertion': 'forged', host: 'evil', 'x-any': 'thing' }),
    );
    const trailing = new TestCall(stream);
    stream.end('y');
    expect((await trailing.ended()).grpcStatus).toBe('0');
    expect(
      upstream.arrivals.all.map(({ body, ended, trailers }) => [body, ended, trailers]),
    ).toEqual([
      ['x', true, []],
      ['y', true, []],
    ]);
    for (const { lines } of upstream.arrivals.all) {
      const names = lines.filter((_text, at) => at % 2 === 0);
      expect(names.filter((name) => /^sallyport.assertion$/.test(name))).toEqual([
        'sallyport-assertion',
      ]);
    }
    const [first] = upstream.arrivals.all;
    expect(first?.headers.cookie).toBe('theme=dark; lang=en');
    expect(first?.headers['sallyport-assertion']).toMatch(/^eyJ/);
  });

  it('that is answered with headers alone is handed on as headers alone', async () => {
    upstream.handler = (stream) =>
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' },
        { endStream: true },
      );
    const call = open();
    await call.ended();
    expect([call.status, call.whole, call.grpcStatus, call.rstCode]).toEqual([200, true, '5', 0]);
    // The client was still sending; the upstream must not wait for more.
    await expect.poll(() => upstream.arrivals.all[0]?.rstCode).not.toBeNull();
    expect(await record()).toMatchObject({ status: 200, ending: 'complete' });
  });

  it('that the client takes back is taken back from the upstream, and never looks whole there', async () => {
    echo();
    const call = open();
    call.stream.write('half');
    await call.begun();
    call.cancel();
    await expect.poll(() => upstream.arrivals.all[0]?.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(upstream.arrivals.all[0]?.ended).toBe(false);
    expect(await record()).toMatchObject({ ending: 'client_closed' });
    expect(edge.worker.openExchanges()).toBe(0);
  });

  it('that the upstream takes back is taken back from the client', async () => {
    upstream.handler = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write('half');
      stream.on('data', () => cancel(stream));
    };
    const call = await open().begun();
    call.stream.write('x');
    await call.ended();
    expect([call.rstCode, call.trailers]).toEqual([constants.NGHTTP2_CANCEL, null]);
    expect(await record()).toMatchObject({ ending: 'upstream_failed' });
  });

  it('ends with a status where the connection to the upstream is lost', async () => {
    upstream.handler = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write('half');
    };
    const call = open();
    await call.begun();
    await expect.poll(() => call.body).toBe('half');
    upstream.cut();
    await call.ended();
    expect([call.grpcStatus, call.grpcMessage]).toEqual([
      '14',
      'upstream_unreachable: The application cannot be reached.',
    ]);
  });

  it('is over with its deadline, at both ends, and that does not count against the target', async () => {
    const second = await Http2Upstream.start(edge, { name: 'second' });
    const targets = [{ url: upstream.url }, { url: second.url }];
    await use({ url: undefined, targets, ejection: { failures: 1 } });
    for (const one of [upstream, second]) {
      one.handler = (stream, { headers }) => {
        if (headers[':path'] === '/silent') return;
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        stream.write('half');
      };
    }
    const arrived = () => [...upstream.arrivals.all, ...second.arrivals.all];
    // The connections are there, whatever the time that is measured now.
    while (upstream.arrivals.all.length === 0 || second.arrivals.all.length === 0) {
      const call = await open().begun();
      call.cancel();
    }
    await edge.settle();
    for (const { arrivals } of [upstream, second]) arrivals.all.length = 0;
    const calls = ['/silent', '/half'].map((of) => {
      const call = TestCall.open(client, of, { cookie, headers: ['grpc-timeout: 1S'] });
      call.stream.write('x');
      return call;
    });
    const [silent, half] = await Promise.all(calls.map((call) => call.ended()));
    expect([silent?.status, silent?.whole, silent?.grpcStatus]).toEqual([200, true, '4']);
    expect(silent?.grpcMessage).toMatch(/^deadline_exceeded: /);
    // One that has begun to be answered ends with the same status behind what came.
    expect([half?.body, half?.grpcStatus]).toEqual(['half', '4']);
    const { NGHTTP2_CANCEL: cancelled } = constants;
    await expect
      .poll(() => arrived().map(({ rstCode }) => rstCode))
      .toEqual([cancelled, cancelled]);
    await expect.poll(() => edge.records.all.length).toBe(2);
    const records = edge.records.all.map(({ status, ending }) => `${status} ${ending}`);
    expect(records.sort()).toEqual(['200 deadline', '504 complete']);
    // One that has no time at all reaches nobody.
    const none = await open({ headers: ['grpc-timeout: 1n'] }).ended();
    expect(none.grpcStatus).toBe('4');
    expect(arrived().length).toBe(2);
    expect(edge.logged.join('\n')).not.toContain('upstream.target_left_out');
    await second.stop();
  });

  it('may be quiet for longer than a response may, unless its route says otherwise', async () => {
    upstream.handler = (stream, { headers }) => {
      if (headers[':path'] === '/silent') return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    };
    await use({ timeouts: { headers: '1s', idle: '1s' } });
    const calls = ['/silent', '/quiet'].map((of) => TestCall.open(client, of, { cookie }));
    for (const call of calls) call.stream.end('x');
    for (const call of await Promise.all(calls.map((one) => one.ended()))) {
      expect(call.grpcStatus).toBe('14');
      expect(call.grpcMessage).toMatch(/^upstream_timeout: /);
    }
    await expect
      .poll(() => edge.records.all.map(({ status, ending }) => `${status} ${ending}`).sort())
      .toEqual(['200 upstream_failed', '504 complete']);
  });

  it('is held back where the other end does not read', async () => {
    const total = 8 * 1024 * 1024;
    const piece = Buffer.alloc(65_536, 'x');
    let given = 0;
    upstream.handler = (stream) => {
      stream.pause();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      const give = (): void => {
        while (given < total) {
          given += piece.length;
          if (!stream.write(piece)) {
            stream.once('drain', give);
            return;
          }
        }
      };
      give();
    };
    const call = open();
    await call.begun();
    call.stream.pause();
    let sent = 0;
    const send = (): void => {
      while (sent < total) {
        sent += piece.length;
        if (!call.stream.write(piece)) {
          call.stream.once('drain', send);
          return;
        }
      }
    };
    send();
    // Others of both connections go on all the while.
    const { handler } = upstream;
    echo();
    for (let count = 0; count < 3; count += 1) {
      const other = open();
      other.stream.end('hello');
      expect((await other.ended()).body).toBe('hello');
    }
    upstream.handler = handler;
    expect(sent).toBeLessThan(total / 2);
    expect(given).toBeLessThan(total / 2);
    call.cancel();
  });

  it('is decided on by the path that names its method', async () => {
    await edge.configure({
      apiVersion: 'sallyport.dev/v1',
      kind: 'Policy',
      metadata: { name: 'readers' },
      spec: { allow: [{ name: 'read', paths: ['/wiki.v1.Pages/Get'], anonymous: true }] },
    });
    await setUpstream(edge, { url: upstream.url, protocol: 'http2' });
    echo();
    const allowed = open();
    allowed.stream.end('x');
    expect((await allowed.ended()).grpcStatus).toBe('0');
  });

  it('is one of its own in the metrics', async () => {
    echo();
    const call = open();
    call.stream.end('x');
    await call.ended();
    await record();
    const text = await edge.metrics.registry.metrics();
    expect(text).toMatch(/sallyport_edge_exchanges_total\{protocol="grpc"\} [1-9]/);
  });
});

describe('an edge that does not let a call through', () => {
  it.each([
    ['signed out', { cookie: '' }, 401, '16', /^session_required: /],
    ['that it cannot read', { path: '/a/%2e%2e/b%2f' }, 400, '13', /^path_ambiguous: /],
  ] as const)('says so in the words of gRPC: %s', async (_name, more, status, code, message) => {
    const other = await Http2Client.connect(edge);
    const call = TestCall.open(other, path, { cookie, ...more });
    call.stream.end('x');
    await call.ended();
    other.close();
    expect([call.status, call.whole, call.grpcStatus]).toEqual([200, true, code]);
    expect(call.headers['content-type']).toBe('application/grpc');
    expect(call.grpcMessage).toMatch(message);
    const written = await record();
    expect(written?.status).toBe(status);
    expect(call.headers['sallyport-request-id']).toBe(written?.correlationId);
    expect(upstream.arrivals.all).toEqual([]);
  });

  it.each([['revoked', { kind: 'user', subjectId: 'usr_alice' }, '7', /^user_revoked: /]] as const)(
    'ends one that is under way with the reason: %s',
    async (_name, who, code, message) => {
      echo();
      const call = open();
      call.stream.write('hello');
      await call.begun();
      await expect.poll(() => call.body).toBe('hello');
      await edge.apply('revoke', {
        op: 'block',
        revocationId: 'rev_call',
        expiresAtMs: null,
        ...who,
      });
      await call.ended();
      expect([call.grpcStatus, call.rstCode]).toEqual([code, 0]);
      expect(call.grpcMessage).toMatch(message);
      await expect.poll(() => upstream.arrivals.all[0]?.rstCode).toBe(constants.NGHTTP2_CANCEL);
      expect(await record()).toMatchObject({ status: 200, ending: 'revoked' });
      const refused = open();
      refused.stream.end('x');
      expect((await refused.ended()).grpcStatus).toBe('7');
      await edge.apply('revoke', { op: 'lifted_block', revocationId: 'rev_call', ...who });
    },
  );

  it('says so where it has too much to do, or the client asks too often', async () => {
    edge.sheds = true;
    const shed = await open().ended();
    edge.sheds = false;
    expect([shed.whole, shed.grpcStatus, shed.grpcMessage]).toEqual([
      true,
      '14',
      'overloaded: This gateway has more to do than it can.',
    ]);
    const rateLimits = [{ name: 'few', per: 'user', requests: 1, window: '1h', burst: 1 }] as const;
    await setUpstream(
      edge,
      { url: upstream.url, protocol: 'http2' },
      { rateLimits: [...rateLimits] },
    );
    const codes: (string | undefined)[] = [];
    for (let count = 0; count < 2; count += 1) {
      const call = open();
      call.stream.end('x');
      codes.push((await call.ended()).grpcStatus);
      if (count === 1) expect(call.headers['retry-after']).toMatch(/^[1-9]/);
    }
    expect(codes).toEqual(['0', '14']);
    await expect.poll(() => edge.records.all.map(({ status }) => status)).toEqual([503, 200, 429]);
  });

  it('ends one whose client reads nothing, too', async () => {
    upstream.handler = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.alloc(4 * 1024 * 1024));
    };
    const call = await open().begun();
    call.stream.pause();
    const who = { kind: 'user', subjectId: 'usr_alice' } as const;
    const id = 'rev_paused';
    await edge.apply('revoke', { op: 'block', revocationId: id, expiresAtMs: null, ...who });
    await expect.poll(() => upstream.arrivals.all[0]?.rstCode).toBe(constants.NGHTTP2_CANCEL);
    await expect.poll(() => edge.records.all.length, { timeout: 20_000 }).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ ending: 'revoked' });
    await edge.apply('revoke', { op: 'lifted_block', revocationId: id, ...who });
  });

  it('does not speak gRPC to anybody else', async () => {
    const plain = await responseOf(
      client.open({ method: 'POST', path, headers: ['content-type: application/grpc-web'] }),
    );
    expect([plain.status, plain.header('grpc-status')]).toEqual([401, undefined]);
  });
});

describe('a route to an upstream of HTTP/2', () => {
  it('serves clients of HTTP/1.1, with trailers for those that ask', async () => {
    echo();
    for (const asked of [true, false]) {
      const one = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      const lines = [
        'POST /plain HTTP/1.1',
        'Host: app.corp.test',
        `Cookie: ${cookie}`,
        ...(asked ? ['TE: trailers', 'Connection: TE'] : []),
        'Content-Length: 5',
      ];
      one.send(`${lines.join('\r\n')}\r\n\r\nhello`);
      const text = await one.until(/\r\n0\r\n(?:[^\r]+\r\n)*\r\n/);
      expect(text).toContain('\r\nhello\r\n0\r\n');
      expect(/\r\n0\r\ngrpc-status: 0\r\n/.test(text)).toBe(asked);
      expect(text).not.toMatch(/forged|stolen|content-length/i);
      one.close();
    }
    expect(upstream.arrivals.all.map(({ headers }) => headers['te'])).toEqual([
      'trailers',
      undefined,
    ]);
  });

  it('is left where its configuration leads elsewhere, and its calls end', async () => {
    upstream.handler = (stream) =>
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    const call = await open().begun();
    await use({ timeouts: { total: '1h' } });
    expect(edge.worker.openExchanges()).toBe(1);
    await setUpstream(edge, {});
    await call.ended();
    expect(call.grpcStatus).not.toBe('0');
    expect((await client.ask({ cookie })).status).toBe(200);
    await expect.poll(() => upstream.openConnections).toBe(0);
  });

  it('takes no WebSocket', async () => {
    const one = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    one.send(
      `GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    const { status, body } = await one.response();
    expect([status, body]).toEqual([502, expect.stringContaining('"upstream_protocol"')]);
    one.close();
  });
});

describe('an upstream of HTTP/1.1', () => {
  it('has trailers handed on to clients that read them, by the same rules', async () => {
    await setUpstream(edge, {});
    edge.upstream.script = () =>
      [
        'HTTP/1.1 200 OK',
        'Transfer-Encoding: chunked',
        'Trailer: X-Sum',
        '',
        '5',
        'hello',
        '0',
        'X-Sum: 7',
        'Sallyport-Assertion: forged',
        'Cache-Control: public',
        'Set-Cookie: a=b',
        '',
        '',
      ].join('\r\n');
    for (const asked of [true, false]) {
      const one = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      const te = asked ? 'TE: trailers\r\nConnection: TE\r\n' : '';
      one.send(`GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n${te}\r\n`);
      const text = await one.until(/\r\n0\r\n(?:[^\r]+\r\n)*\r\n/);
      expect(text.slice(text.indexOf('\r\n0\r\n') + 5).toLowerCase()).toBe(
        asked ? 'x-sum: 7\r\n\r\n' : '\r\n',
      );
      one.close();
    }
    expect(edge.upstream.bytes).not.toMatch(/^te:/im);
    const get = new TestCall(client.open({ cookie }));
    get.stream.end();
    await get.ended();
    expect([get.body, get.trailers]).toEqual(['hello', { 'x-sum': '7' }]);
  });
});
