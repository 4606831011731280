import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Http2Client, protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, withRoutes } from '../testing/oracle.ts';
import { ok } from '../testing/recorder.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

/** How an answer ended, as the client can tell it. */
const endOver = {
  'http/1.1': async (by: Oracle) => {
    const client = await by.connect();
    client.send(by.request('GET / HTTP/1.1'));
    await client.closed();
    return client.received.endsWith('\r\n0\r\n\r\n') ? 'whole' : 'broken off';
  },
  h2: async ({ cookie, device, edge: at, host }: Oracle) => {
    const client = await Http2Client.worded(at, host, device);
    const { rstCode } = await client.ask({ cookie });
    client.close();
    return rstCode === 0 ? 'whole' : 'broken off';
  },
} as const;

describe.each(protocols)('an upstream that misbehaves is asked over %s, and', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });
  afterEach(async () => {
    edge.upstream.script = ok;
    await alice.alive();
  });

  it('row 45: leaves no byte to another route, level of trust, user or request', async () => {
    const answer = (body: string) =>
      `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    edge.upstream.script = (head) =>
      head.includes(' /poison ') ? answer('right') + answer('POISON').repeat(3) : answer('clean');
    expect((await alice.call({ path: '/poison' })).body).toBe('right');
    const poisoned = edge.upstream.connections.filter(({ bytes }) => bytes.includes(' /poison '));
    expect(poisoned).toHaveLength(1);
    await expect.poll(() => poisoned[0]?.socket.destroyed).toBe(true);
    const bob = await Oracle.of(edge, 'usr_bob', 'app.corp.test', 'other', protocol);
    const onPublic = await Oracle.of(edge, 'usr_alice', 'pub.corp.test', 'laptop', protocol);
    const onReports = await Oracle.of(edge, 'usr_alice', 'reports.fin.test', 'laptop', protocol);
    for (const by of [alice, bob, onPublic, onReports]) {
      expect((await by.call()).body).toBe('clean');
    }
    const nobody = { host: 'pub.corp.test', device: null, cookie: '' };
    expect((await alice.call(nobody)).body).toBe('clean');
    expect(poisoned[0]?.bytes.match(/ HTTP\/1\.1\r\n/g)).toHaveLength(1);
  });

  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello',
    ],
    ['10,000 lines', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}\r\n`],
    ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n'],
    ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['a bare carriage return', 'HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 0\r\n\r\n'],
    ['a NUL', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n'],
    ['a length with a sign', 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n'],
    ['a status of 600', 'HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\nhi'],
    ['a status of 999', 'HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nhi'],
    ['a status of four digits', 'HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n'],
    ['frames of HTTP/2', '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\r\n\r\n'],
    ['nothing but its name', 'hello\r\n\r\n'],
  ])('row 46: is given up where it sends %s', async (_name, bytes) => {
    edge.upstream.script = () => bytes;
    const response = await alice.call({ method: 'POST', body: 'x' });
    expect(response.status).toBe(502);
    await expect.poll(() => edge.records.all.length).toBe(1);
    const reasons = ['rule_allowed', 'upstream_bad_response'];
    expect(edge.records.all[0]).toMatchObject({ outcome: 'permit', status: 502, reasons });
  });

  it('row 46: is given up where it changes the protocol unasked', async () => {
    edge.upstream.script = () =>
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    expect((await alice.call({ method: 'POST', body: 'x' })).status).toBe(502);
    await expect.poll(() => edge.records.all.length).toBe(1);
    // undici breaks that connection by itself, and its error is like that of any that broke.
    const reasons = ['rule_allowed', 'upstream_unreachable'];
    expect(edge.records.all[0]).toMatchObject({ outcome: 'permit', status: 502, reasons });
  });

  it.each([
    ['a chunk whose size cannot be read', 'xyz\r\nhello\r\n0\r\n\r\n'],
    ['a chunk that is longer than it says', '2\r\nhello\r\n0\r\n\r\n'],
    ['an end in bare line feeds', '5\r\nhello\n0\n\n'],
  ])('row 46: cannot make half an answer look whole by %s', async (_name, body) => {
    edge.upstream.script = () =>
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n${body}`;
    expect(await endOver[protocol](alice)).toBe('broken off');
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'upstream_failed' });
  });

  it('row 46: cannot leave a cookie or a name of ours in the trailers of its answer', async () => {
    edge.upstream.script = () =>
      [
        'HTTP/1.1 200 OK',
        'Transfer-Encoding: chunked',
        'Trailer: Set-Cookie',
        '',
        '2',
        'hi',
        '0',
        'Set-Cookie: __Host-sallyport=stolen',
        'Sallyport-Assertion: x',
        '',
        '',
      ].join('\r\n');
    const client = await alice.client();
    for (let count = 0; count < 2; count += 1) {
      const { body, headers } = await client.ask({ cookie: alice.cookie });
      expect(body).toBe('hi');
      expect(headers.flat().join('\n')).not.toMatch(/stolen|assertion|trailer/i);
    }
    expect(client.unread).toBe('');
    client.close();
  });

  it('row 46: is understood by the client where it leaves spaces around what it says', async () => {
    const lines = ['X-A:  \t a  b \t ', 'X-B: \xa0c\xa0', 'X-C:', 'Content-Length: 5'];
    edge.upstream.script = () => `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\nhello`;
    const { body, all } = await alice.call();
    expect([body, all('x-a'), all('x-c')]).toEqual(['hello', ['a  b'], ['']]);
    // Only some programs take that for a space.
    if (protocol === 'h2') expect(all('x-b')).toEqual(['\xa0c\xa0']);
  });

  it('row 46: announces no body where there is none', async () => {
    edge.upstream.script = () => 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n';
    const { status, all } = await alice.call();
    expect([status, all('content-length')]).toEqual([204, []]);
  });

  it('row 46: is understood by the client where it sends a body with a status that has none', async () => {
    edge.upstream.script = () => 'HTTP/1.1 205 Reset\r\nContent-Length: 5\r\n\r\nhello';
    const { status, body } = await alice.call();
    expect([status, body]).toEqual([205, protocol === 'h2' ? '' : 'hello']);
  });

  it('row 24: is not taken for another at its address, whose session is still open', async () => {
    const { port } = edge.upstream;
    const match = [{ host: 'twin.fin.test' }];
    const upstream = { url: `https://twin.corp.localhost:${port}`, trustBundle: 'upstreams' };
    await withRoutes(edge, { name: 'twin', match, policies: ['open'], spec: { upstream } });
    for (let count = 0; count < 2; count += 1) {
      expect((await alice.call()).status).toBe(200);
      edge.upstream.forget();
      const response = await alice.call({ host: 'twin.fin.test', cookie: '' });
      expect([response.status, response.body.includes('upstream_untrusted')]).toEqual([502, true]);
      expect(edge.upstream.bytes).toBe('');
    }
  });
});
