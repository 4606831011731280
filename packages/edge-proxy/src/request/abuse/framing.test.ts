import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, requestText } from '../testing/oracle.ts';
import { ok, type Script } from '../testing/recorder.ts';
import { handshake } from '../testing/web-socket.ts';

let edge: TestEdge;
let alice: Oracle;
beforeAll(async () => {
  edge = await TestEdge.start();
  alice = await Oracle.of(edge);
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());
afterEach(async () => {
  edge.upstream.script = ok;
  await alice.alive();
});

/** Nobody is signed in for it, and it must never be taken for a request of somebody who is. */
const smuggled = requestText('GET /smuggled HTTP/1.1', 'Host: app.corp.test');
/** As an upstream does it that is asked for headers alone. */
const withoutBody: Script = (head, connection) =>
  head.startsWith('HEAD ') ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n' : ok(head, connection);

describe('where a request ends', () => {
  it.each(['HEAD', 'DELETE', 'OPTIONS', 'PATCH'])(
    'row 40: is told by its length alone, also with %s',
    async (method) => {
      edge.upstream.script = withoutBody;
      const client = await alice.connect();
      const first = alice.request(
        `${method} /first HTTP/1.1`,
        `Content-Length: ${smuggled.length}`,
      );
      client.send(first + smuggled + requestText('GET /second HTTP/1.1', 'Host: app.corp.test'));
      expect((await client.response(method)).status).toBe(200);
      expect((await client.response()).status).toBe(401);
      client.close();
      await expect.poll(() => edge.records.all.length).toBe(2);
      expect(edge.records.all.map(({ path, bytesIn }) => [path, bytesIn])).toEqual([
        ['/first', smuggled.length],
        ['/second', 0],
      ]);
      // It is there, as the body that it was.
      expect(edge.upstream.bytes.startsWith(`${method} /first `)).toBe(true);
      expect(edge.upstream.bytes.endsWith(`\r\n\r\n${smuggled}`)).toBe(true);
    },
  );

  it('row 41: what is allowed and what is not are decided apart, though they came together', async () => {
    const client = await alice.connect();
    client.send(
      alice.request('GET /allowed HTTP/1.1') +
        requestText('GET /forbidden HTTP/1.1', 'Host: app.corp.test') +
        alice.request('GET /allowed-too HTTP/1.1'),
    );
    const statuses = [];
    for (let count = 0; count < 3; count += 1) statuses.push((await client.response()).status);
    expect(statuses).toEqual([200, 401, 200]);
    client.close();
    await expect.poll(() => edge.records.all.length).toBe(3);
    const byPath = new Map(edge.records.all.map((record) => [record.path, record]));
    expect(byPath.get('/allowed')).toMatchObject({ outcome: 'permit', userId: 'usr_alice' });
    expect(byPath.get('/forbidden')).toMatchObject({ outcome: 'sign_in', userId: null });
    expect(byPath.get('/allowed-too')).toMatchObject({ outcome: 'permit', userId: 'usr_alice' });
    expect(edge.upstream.bytes).not.toContain('/forbidden');
  });

  it.each([
    ['without a body', ['GET /first HTTP/1.1'], ''],
    ['with one', ['POST /first HTTP/1.1', 'Content-Length: 5'], 'hello'],
    [
      'with one that breaks off',
      ['POST /first HTTP/1.1', 'Transfer-Encoding: chunked'],
      '5\r\nhello',
    ],
  ])(
    'row 41: what was let through is recorded so, though nonsense came behind it: %s',
    async (_name, [line = '', ...lines], body) => {
      edge.upstream.script = () => null;
      const client = await alice.connect();
      client.send(alice.request(line, ...lines) + body);
      await expect.poll(() => edge.upstream.bytes).toContain('/first');
      client.send('\0\0\0\0 nonsense\r\n\r\n');
      expect((await client.response()).status).toBe(400);
      await client.closed();
      await expect.poll(() => edge.records.all.length).toBe(1);
      expect(edge.records.all[0]).toMatchObject({
        outcome: 'permit',
        reasons: ['malformed', 'rule_allowed'],
        userId: 'usr_alice',
        status: 400,
      });
    },
  );

  it.each([
    ['a tab before it', '\tchunked'],
    ['spaces and tabs around it', ' \t chunked \t '],
    ['another case', 'ChUnKeD'],
    ['a comma behind it', 'chunked,'],
    ['a parameter', 'chunked;q=1'],
    ['a no-break space', '\xa0chunked'],
    ['itself before it', 'chunked, chunked'],
  ])('row 27: a coding with %s is refused, or framed anew in one way', async (_name, coding) => {
    const head = alice.request('POST /first HTTP/1.1', `Transfer-Encoding: ${coding}`);
    const { client, response } = await alice.send(`${head}5\r\nhello\r\n0\r\n\r\n${smuggled}`);
    if (response.status === 200) {
      await expect
        .poll(() => edge.upstream.bytes)
        .toMatch(/\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/i);
      expect(edge.upstream.bytes.match(/transfer.encoding|content.length/gi)).toHaveLength(1);
      expect((await client.response()).status).toBe(401);
      client.close();
    } else {
      expect(response.status).toBe(400);
      await client.closed();
      expect(edge.upstream.bytes).toBe('');
    }
    expect(edge.upstream.bytes).not.toContain('/smuggled');
  });

  it('row 32: of an extension of a chunk no more is read than shows that it is too long', async () => {
    const client = await alice.connect();
    const bytesMax = 64 * 1024 * 1024;
    client.send(`${alice.request('POST / HTTP/1.1', 'Transfer-Encoding: chunked')}2;`);
    const piece = Buffer.alloc(65_536, 'x');
    let sent = 0;
    let closed = false;
    const end = client.closed().then(() => {
      closed = true;
    });
    while (sent < bytesMax && !closed) {
      sent += piece.length;
      if (client.socket.write(piece)) continue;
      await Promise.race([end, new Promise<void>((done) => client.socket.once('drain', done))]);
    }
    await end;
    // What is on its way in the buffers of the system is not read by anybody.
    expect(sent).toBeLessThan(bytesMax / 2);
    expect(edge.upstream.bytes).toBe('');
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ outcome: 'refused' });
    expect(edge.records.all[0]?.reasons[0]).toBe('malformed');
  });

  it.each([
    'Sallyport-Assertion: forged',
    'sallyport_assertion: forged',
    'Host: forged.test',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Cookie: a=forged',
    'Authorization: Bearer forged',
    'X-Forwarded-For: 192.0.2.66',
    'Connection: Sallyport-Assertion',
    'X-Sum: forged',
  ])('row 39: a trailer goes no further, and is merged with nothing: %s', async (trailer) => {
    const name = trailer.slice(0, trailer.indexOf(':'));
    const announced = ['Transfer-Encoding: chunked', `Trailer: ${name}`];
    const head = alice.request('POST / HTTP/1.1', ...announced);
    const { client, response } = await alice.send(`${head}2\r\nab\r\n0\r\n${trailer}\r\n\r\n`);
    const sent = edge.upstream.bytes;
    expect(sent).not.toMatch(/forged|192\.0\.2\.66|^trailer|^content-length/im);
    expect([200, 400]).toContain(response.status);
    // Whole, or never given out as whole.
    expect(sent.endsWith('2\r\nab\r\n0\r\n\r\n')).toBe(response.status === 200);
    expect(sent.match(/^sallyport-assertion: eyJ/gim)?.length ?? 0).toBe(sent === '' ? 0 : 1);
    client.close();
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ status: response.status });
  });

  it('row 37: is where it was said to be, though the upstream did not wait for it', async () => {
    edge.upstream.script = () => null;
    const client = await alice.connect();
    const length = `Content-Length: ${smuggled.length}`;
    client.send(alice.request('POST /early HTTP/1.1', 'Expect: 100-continue', length));
    expect((await client.response()).status).toBe(100);
    client.send(smuggled.slice(0, 1));
    await expect.poll(() => edge.upstream.bytes).toMatch(/\r\n\r\nG$/);
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/early'));
    upstream?.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    expect((await client.response()).status).toBe(413);
    client.send(smuggled.slice(1) + requestText('GET /second HTTP/1.1', 'Host: app.corp.test'));
    expect((await client.response()).status).toBe(401);
    client.close();
    await expect.poll(() => edge.records.all.length).toBe(2);
    expect(edge.records.all.map(({ path }) => path)).toEqual(['/early', '/second']);
    expect(edge.upstream.bytes).not.toContain('/smuggled');
  });
});

describe('another protocol', () => {
  it.each([
    ['beside a body', ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'], 'HTTP2-Settings'],
    ['without settings', ['Upgrade: h2c'], ''],
    ['of any name', ['Upgrade: TLS/1.0, foo/2'], ''],
  ])('row 48: is not offered on to an upstream: %s', async (_name, lines, named) => {
    const connection = `Connection: ${['Upgrade', named].filter(Boolean).join(', ')}`;
    const head = alice.request('POST / HTTP/1.1', connection, ...lines, 'Content-Length: 3');
    const { client, response } = await alice.send(`${head}abc`);
    expect(response.status).toBe(200);
    expect(edge.upstream.bytes).not.toMatch(/h2c|http2-settings|tls\/1|^upgrade/im);
    expect(edge.upstream.bytes).toMatch(/\r\n\r\nabc$/);
    client.close();
  });

  it.each([
    ['whole', 1_000],
    ['in part', 20],
  ])('row 48: ends the connection, for what came behind it is lost: %s', async (_name, length) => {
    const offer = ['Connection: Upgrade', 'Upgrade: h2c'];
    const next = alice.request('GET /next HTTP/1.1').slice(0, length);
    const { client, response } = await alice.send(
      alice.request('GET /first HTTP/1.1', ...offer) + next,
    );
    expect([response.status, response.header('connection')]).toEqual([200, 'close']);
    await client.closed();
    expect(client.received).toBe('');
    expect(edge.upstream.bytes).not.toContain('/next');
  });

  it.each([
    ['a WebSocket', requestText('GET /chat HTTP/1.1', 'Host: app.corp.test', ...handshake)],
    ['a tunnel', requestText('CONNECT 127.0.0.1:22 HTTP/1.1', 'Host: app.corp.test')],
  ])(
    'rows 38, 41, 49: does not begin under an answer that is still to come: %s',
    async (_name, bytes) => {
      edge.upstream.script = () => null;
      for (const before of [1, 3]) {
        await edge.settle();
        const client = await alice.connect();
        client.send(alice.request('GET /slow HTTP/1.1').repeat(before) + bytes);
        await client.closed();
        expect(client.received).not.toMatch(/ (?:101|2\d\d) /);
        await expect.poll(() => edge.worker.openExchanges()).toBe(0);
        const firsts = edge.records.all.map(({ reasons }) => reasons[0]);
        expect(firsts.filter((reason) => reason === 'upgrade_invalid')).toHaveLength(1);
        expect(edge.upstream.bytes).not.toMatch(/chat|:22/);
      }
    },
  );

  it('row 48: cannot be smuggled in with one that is spoken', async () => {
    const lines = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: websocket, h2c'];
    const bytes = alice.request('GET / HTTP/1.1', ...lines, 'HTTP2-Settings: AAMAAABk');
    expect(await alice.refused(bytes, 400)).toBe('upgrade_invalid');
  });

  it('row 48: is not begun without having been agreed on', async () => {
    await alice.refused('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 400, 505);
  });

  it.each([
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'],
    [
      'an offer of h2c',
      requestText(
        'GET / HTTP/1.1',
        'Host: app.corp.test',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABk',
      ),
    ],
  ])('row 48: is nothing in clear text: %s', async (_name, bytes) => {
    const socket = connect(edge.port, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.write(bytes, 'latin1');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).not.toMatch(/HTTP|\0\0\0\x04/);
    expect(edge.upstream.bytes).toBe('');
  });
});
