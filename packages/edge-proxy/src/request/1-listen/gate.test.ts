import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient, type RawResponse } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { ok } from '../testing/recorder.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
});

/** Sends the bytes on a new connection and returns the first response. */
async function sendRaw(
  bytes: string,
  host = 'app.corp.test',
): Promise<{ response: RawResponse; client: RawClient }> {
  const client = await RawClient.connect(edge, host, edge.laptop);
  client.send(bytes);
  return { response: await client.response(), client };
}

function request(lines: readonly string[], line = 'GET / HTTP/1.1'): string {
  return `${[line, `Host: app.corp.test`, `Cookie: ${cookie}`, ...lines].join('\r\n')}\r\n\r\n`;
}

/** The common oracle of the list of abuse for a framing refusal. */
async function expectRefused(bytes: string, status: number | readonly number[]): Promise<string> {
  const { response, client } = await sendRaw(bytes);
  expect([status].flat()).toContain(response.status);
  await client.closed();
  expect(edge.upstream.bytes).toBe('');
  await expect.poll(() => edge.records.all.length).toBe(1);
  const [record] = edge.records.all;
  expect(record).toMatchObject({ outcome: 'refused', status: response.status });
  expect(record?.reasons.length).toBeGreaterThan(0);
  return record?.reasons[0] ?? '';
}

afterEach(async () => {
  // The process is alive and the next normal request works.
  expect((await call(edge, { cookie, path: '/alive' })).status).toBe(200);
  await expect.poll(() => edge.records.all.some(({ path }) => path === '/alive')).toBe(true);
});

describe('the gate', () => {
  const smuggled = 'GET /admin HTTP/1.1\r\nHost: app.corp.test\r\n\r\n';

  it.each([
    ['CL.TE', ['Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    [
      'TE.CL',
      ['Transfer-Encoding: chunked', 'Content-Length: 4'],
      `5c\r\n${smuggled}\r\n0\r\n\r\n`,
    ],
    ['two TE lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], '0\r\n\r\n'],
    ['xchunked', ['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
    ['chunked with a vertical tab', ['Transfer-Encoding: chunked\x0b'], '0\r\n\r\n'],
    ['a quoted coding', ['Transfer-Encoding: "chunked"'], '0\r\n\r\n'],
    ['a leading comma', ['Transfer-Encoding: ,chunked'], '0\r\n\r\n'],
    ['chunked, identity', ['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'],
    ['gzip, chunked', ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'],
    ['identity', ['Transfer-Encoding: identity'], ''],
    ['an underscore', ['Transfer_Encoding: chunked'], '0\r\n\r\n'],
    ['a dot', ['Transfer.Encoding: chunked'], ''],
    ['a tilde', ['Content~Length: 3'], ''],
    ['a length with a sign', ['Content-Length: +3'], 'abc'],
    ['a length in hex', ['Content-Length: 0x3'], 'abc'],
    ['a length with an underscore', ['Content-Length: 3_0'], 'abc'],
    ['a list of lengths', ['Content-Length: 3, 3'], 'abc'],
    ['two equal lengths', ['Content-Length: 3', 'Content-Length: 3'], 'abc'],
    ['an empty length', ['Content-Length: '], 'abc'],
    ['a length of 20 digits', ['Content-Length: 99999999999999999999'], 'abc'],
    ['a length of 16 digits', ['Content-Length: 9999999999999999'], 'abc'],
  ])('refuses ambiguous framing: %s (rows 26, 27, 28, 31)', async (_name, lines, body) => {
    await expectRefused(request(lines, 'POST / HTTP/1.1') + body, 400);
  });

  it.each([
    ['0x2', '0x2\r\nab\r\n0\r\n\r\n'],
    ['+2', '+2\r\nab\r\n0\r\n\r\n'],
    ['2 and a space', '2 \r\nab\r\n0\r\n\r\n'],
    ['0_2e', '0_2e\r\nab\r\n0\r\n\r\n'],
    ['17 digits', '00000000000000002\r\nab\r\n0\r\n\r\n'.replace('0'.repeat(16), 'f'.repeat(16))],
    ['a bare line feed', '2\nab\n0\n\n'],
    ['an extension of 1 MiB', `2;${'x'.repeat(1 << 20)}\r\nab\r\n0\r\n\r\n`],
  ])('refuses a chunk size of %s (row 32)', async (_name, body) => {
    await expectRefused(
      request(['Transfer-Encoding: chunked'], 'POST / HTTP/1.1') + body,
      [400, 413, 431],
    );
  });

  it.each([
    ['a bare line feed', 'GET / HTTP/1.1\nHost: app.corp.test\n\n'],
    ['a bare carriage return', 'GET / HTTP/1.1\r\nHost: app.corp.test\rX: y\r\n\r\n'],
    ['CR LF CR X', 'GET / HTTP/1.1\r\nHost: app.corp.test\r\n\rX: y\r\n\r\n'],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: app.corp.test\r\nX: a\r\n b\r\n\r\n'],
    ['a NUL', 'GET / HTTP/1.1\r\nHost: app.corp.test\r\nX: a\0b\r\n\r\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : app.corp.test\r\n\r\n'],
  ])('refuses %s (row 33)', async (_name, bytes) => {
    await expectRefused(bytes, 400);
  });

  it.each([
    ['GET http://admin.corp.test/ HTTP/1.1'],
    ['GET https://user@app.corp.test/ HTTP/1.1'],
    ['GET //evil.test/p HTTP/1.1'],
    ['GET /a#b HTTP/1.1'],
    ['GET /a\\b HTTP/1.1'],
    ['GET * HTTP/1.1'],
    ['OPTIONS * HTTP/1.1'],
    ['GET /%00 HTTP/1.1'],
    ['GET / RTSP/1.0'],
    ['GET / HTTP/1.0'],
    ['GET / HTTP/1.9'],
    ['GET /'],
    ['get / HTTP/1.1'],
    ['SOURCE /x ICE/1.0'],
  ])('refuses the request line %s (row 36)', async (line) => {
    await expectRefused(request([], line), [400, 405]);
  });

  it('refuses chunked framing on HTTP/1.0 (row 29)', async () => {
    const bytes = request(['Transfer-Encoding: chunked'], 'POST / HTTP/1.0');
    await expectRefused(`${bytes}0\r\n\r\n`, 400);
  });

  it.each([
    ['two Host lines', ['Host: app.corp.test', 'Host: app.corp.test']],
    ['a list of hosts', ['Host: app.corp.test, admin.corp.test']],
    ['an empty Host', ['Host: ']],
    ['no Host', []],
    ['a Host with a path', ['Host: app.corp.test:80@evil.test/x?y#z']],
    ['a Host with an underscore', ['Host: app_.corp.test']],
    ['a Host in brackets', ['Host: [::1]']],
    ['a Host that is an address', ['Host: 127.0.0.1']],
    ['a port out of range', ['Host: app.corp.test:99999']],
  ])('refuses %s', async (_name, hosts) => {
    await expectRefused(`${['GET / HTTP/1.1', ...hosts].join('\r\n')}\r\n\r\n`, 400);
  });

  it.each([['TRACE'], ['FOO'], ['PROPFIND'], ['X'.repeat(8192)]])(
    'refuses the method %.20s (row 38)',
    async (method) => {
      await expectRefused(request([], `${method} / HTTP/1.1`), [400, 405, 431]);
    },
  );

  it('never opens a tunnel by CONNECT (row 38)', async () => {
    const bytes = 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: app.corp.test\r\n\r\n';
    expect(await expectRefused(bytes, 405)).toBe('method_unsupported');
  });

  it('names the methods it takes', async () => {
    const { response } = await sendRaw(request([], 'TRACE / HTTP/1.1'));
    expect(response.header('allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  });

  it('sends a host out of reach of the connection away (rows 8 and 9)', async () => {
    const { response, client } = await sendRaw('GET / HTTP/1.1\r\nHost: reports.fin.test\r\n\r\n');
    expect(response.status).toBe(421);
    await client.closed();
    expect(edge.upstream.bytes).toBe('');
  });

  it('refuses more than 100 header lines, wherever Host stands among them', async () => {
    const filler = Array.from({ length: 1100 }, (_, index) => `X${index}: y`);
    const bytes = `${['GET / HTTP/1.1', ...filler.slice(0, 100), 'Host: app.corp.test'].join('\r\n')}\r\n\r\n`;
    expect(await expectRefused(bytes, 431)).toBe('headers_too_many');
    edge.records.all.length = 0;
    await expectRefused(`${['GET / HTTP/1.1', ...filler].join('\r\n')}\r\n\r\n`, 431);
  });

  it('lets no more than 32 requests of a connection wait for their turn', async () => {
    edge.upstream.script = () => null;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(request([]) + 'GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n'.repeat(40));
    await expect.poll(() => edge.worker.openExchanges()).toBe(33);
    client.close();
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    edge.upstream.script = ok;
    expect(edge.records.all.length).toBe(33);
    expect(edge.records.all.filter(({ outcome }) => outcome === 'refused')).toMatchObject([
      { reasons: ['pipeline_too_deep'], ending: 'client_closed' },
    ]);
  });

  it.each([
    ['GET', 20_000],
    ['GET', 60_000],
    // More than is read before anybody looks at it: nothing is known of the request.
    ['', 70_000],
  ])('refuses headers that are too large, and records the request: %s', async (method, length) => {
    const bytes = request([`X: ${'y'.repeat(length)}`]);
    expect(await expectRefused(bytes, 431)).toBe('headers_too_large');
    expect(edge.records.all[0]?.method).toBe(method);
  });

  it('counts the target, and names, values and 32 bytes of each header line', async () => {
    const headers = ['Host', 'app.corp.test', 'Cookie', cookie, 'X', ''];
    const counted = headers.reduce((bytes, text) => bytes + text.length, '/'.length + 3 * 32);
    const filler = 'y'.repeat(16_384 - counted);
    const { response, client } = await sendRaw(request([`X: ${filler}`]));
    expect(response.status).toBe(200);
    client.close();
    await edge.settle();
    expect(await expectRefused(request([`X: ${filler}`], 'GET /? HTTP/1.1'), 431)).toBe(
      'headers_too_large',
    );
  });

  it('says what is wrong with headers that are too large', async () => {
    const { response } = await sendRaw(request(['Accept: text/html', `X: ${'y'.repeat(20_000)}`]));
    expect(response.header('content-type')).toContain('text/html');
    expect(response.body).toContain('headers_too_large');
  });

  it.each([
    ['Cookie: a=b'],
    ['Authorization: Basic YTpi\r\nAuthorization: Basic YTpi'],
    ['Content-Type: a/b\r\nContent-Type: c/d'],
    ['Origin: https://a.test\r\nOrigin: https://b.test'],
    ['Expect: 100-continue\r\nExpect: 100-continue'],
  ])('refuses what may stand once and stands twice: %s', async (lines) => {
    await expectRefused(request([lines]), 400);
  });

  it('refuses an expectation it does not know (row 37)', async () => {
    expect(await expectRefused(request(['Expect: y 100-continue']), 417)).toBe(
      'expectation_failed',
    );
  });

  it('answers a body that was announced and is not wanted without asking for it (row 37)', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(
      'POST / HTTP/1.1\r\nHost: app.corp.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
    );
    const refused = await client.response();
    expect([refused.status, refused.header('connection')]).toEqual([401, 'close']);
    // What a client sends all the same is no request any more.
    client.send(`hello${request([])}`);
    await client.closed();
    expect(edge.upstream.bytes).toBe('');
  });

  it('asks for an announced body once the request is permitted', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(request(['Expect: 100-continue', 'Content-Length: 5'], 'POST / HTTP/1.1'));
    expect((await client.response()).status).toBe(100);
    client.send('hello');
    expect((await client.response()).status).toBe(200);
    expect(edge.upstream.bytes).toMatch(/\r\n\r\nhello$/);
    expect(edge.upstream.bytes).not.toMatch(/expect/i);
    client.close();
  });

  it('frames a body on GET exactly and judges what is pipelined behind it (rows 40, 41)', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    const open = request(['Content-Length: 3'], 'GET /first HTTP/1.1');
    client.send(`${open}abcGET /second HTTP/1.1\r\nHost: app.corp.test\r\n\r\n`);
    const first = await client.response();
    const second = await client.response();
    expect([first.status, second.status]).toEqual([200, 401]);
    expect(edge.upstream.bytes).toMatch(/^GET \/first [^]*abc$/);
    await expect.poll(() => edge.records.all.length).toBe(2);
    expect(edge.records.all.map(({ path }) => path)).toEqual(['/first', '/second']);
    client.close();
  });

  it('keeps the order of pipelined answers', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    const denied = 'GET /denied HTTP/1.1\r\nHost: app.corp.test\r\n\r\n';
    client.send(request([], 'GET /slow HTTP/1.1') + denied + request([]));
    const statuses = [];
    for (let count = 0; count < 3; count += 1) statuses.push((await client.response()).status);
    expect(statuses).toEqual([200, 401, 200]);
    client.close();
  });

  describe('behind a request that is still to be answered', () => {
    /** Until it is called, what is asked for by /slow is not answered. */
    let answerSlow: () => void;
    function answerOthers(answer: string): void {
      edge.upstream.script = (head, { socket }) => {
        if (!head.startsWith('GET /slow ')) return answer;
        answerSlow = () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow');
        return null;
      };
    }
    /** What the upstream has sent is there, and waits for its turn, once others have been served. */
    async function untilAnswersWait(): Promise<void> {
      for (let n = 0; n < 5; n += 1) await call(edge, { cookie });
    }
    afterEach(() => {
      edge.upstream.script = ok;
    });

    it.each([
      ['the answer', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200],
      ['an answer of ours', 'HTTP/1.1 777 OK\r\nContent-Length: 0\r\n\r\n', 502],
    ])('says 100 in front of %s, and not in the middle of it', async (_name, answer, status) => {
      answerOthers(answer);
      const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      const asks = request(['Expect: 100-continue', 'Content-Length: 4'], 'POST / HTTP/1.1');
      client.send(`${request([], 'GET /slow HTTP/1.1')}${asks}body`);
      await expect.poll(() => edge.upstream.bytes).toContain('\r\n\r\nbody');
      await untilAnswersWait();
      answerSlow();
      expect((await client.response()).body).toBe('slow');
      expect((await client.response()).status).toBe(100);
      expect((await client.response()).status).toBe(status);
      expect(client.received).toBe('');
      client.close();
    });

    it('is too deep where answers wait and more than was read comes', async () => {
      answerOthers(`HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`);
      const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      client.send(request([], 'GET /slow HTTP/1.1') + request([], 'GET /large HTTP/1.1'));
      await expect.poll(() => edge.upstream.bytes).toContain('GET /large ');
      await untilAnswersWait();
      // Several records of TLS at once.
      client.send(request([`X-Long: ${'x'.repeat(7_000)}`], 'GET /more HTTP/1.1').repeat(8));
      await client.closed();
      const reasons = edge.records.all.flatMap((one) => one.reasons);
      expect(reasons).toContain('pipeline_too_deep');
      expect(reasons).not.toContain('malformed');
    });

    it('breaks off in its turn, and keeps nobody waiting', async () => {
      answerOthers(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n',
      );
      const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      client.send(
        request([], 'GET /slow HTTP/1.1') + request([], 'GET /broken HTTP/1.1') + request([]),
      );
      await expect.poll(() => edge.records.all.map(({ path }) => path)).toContain('/broken');
      answerSlow();
      expect((await client.response()).body).toBe('slow');
      await client.closed();
      expect(client.received).toBe('');
      await expect.poll(() => edge.records.all.length).toBe(3);
      const endings = new Map(edge.records.all.map(({ path, ending }) => [path, ending]));
      expect([endings.get('/slow'), endings.get('/broken')]).toEqual([
        'complete',
        'upstream_failed',
      ]);
    });
  });

  it('refuses a pipeline without end', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n'.repeat(200));
    await client.closed();
    expect(edge.records.all.length).toBeLessThanOrEqual(64);
  });

  it('ignores an offer of h2c (row 48)', async () => {
    const lines = [
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
    ];
    const { response, client } = await sendRaw(request(lines));
    expect(response.status).toBe(200);
    expect(edge.upstream.bytes).not.toMatch(/h2c|http2-settings/i);
    client.close();
  });

  it('takes names of the object prototype for what they are', async () => {
    const { response, client } = await sendRaw(
      request(['__proto__: a', 'constructor: b', 'toString: c']),
    );
    expect(response.status).toBe(200);
    expect(edge.upstream.bytes).toContain('__proto__: a\r\nconstructor: b\r\ntoString: c\r\n');
    client.close();
  });

  it('drops trailers, whatever they are called (row 39)', async () => {
    const body = '2\r\nab\r\n0\r\nSallyport-Assertion: x\r\nHost: evil.test\r\nCookie: a=b\r\n\r\n';
    const { response, client } = await sendRaw(
      request(['Transfer-Encoding: chunked', 'Trailer: Host'], 'POST / HTTP/1.1') + body,
    );
    expect(response.status).toBe(200);
    await expect.poll(() => edge.upstream.bytes).toMatch(/0\r\n\r\n$/);
    expect(edge.upstream.bytes).not.toMatch(/evil|trailer/i);
    client.close();
  });

  it('closes what does not speak TLS at all', async () => {
    const socket = connect(edge.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    await once(socket, 'close');
  });
});
