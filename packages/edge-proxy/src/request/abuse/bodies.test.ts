import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { linesIn, Oracle } from '../testing/oracle.ts';
import { ok } from '../testing/recorder.ts';
import { webSocketOver } from '../testing/tunnels.ts';
import { agree } from '../testing/web-socket.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

function answerWith(lines: readonly string[], body: string): void {
  edge.upstream.script = () =>
    `${['HTTP/1.1 200 OK', ...lines, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`;
}

describe.each(protocols)('what is coded stays coded over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  const zeros = gzipSync(Buffer.alloc(8 * 1024 * 1024)).toString('latin1');

  it.each([
    ['a bomb', ['Content-Encoding: gzip'], zeros],
    ['a hundred codings', [`Content-Encoding: ${'gzip, '.repeat(99)}gzip`], zeros.slice(0, 1000)],
    ['a line for each', Array.from({ length: 60 }, () => 'Content-Encoding: gzip'), 'x'],
    ['a coding that it has not', ['Content-Encoding: br'], 'no brotli at all'],
    ['no coding, and looks like it', ['Content-Type: application/gzip'], zeros],
  ])('row 140: an answer comes as the upstream sent it: %s', async (_name, lines, body) => {
    answerWith(lines, body);
    const headers = ['Accept-Encoding: gzip;q=0.5, br , x-odd'];
    const response = await alice.call({ headers });
    expect(response.status).toBe(200);
    expect(response.body === body).toBe(true);
    const sent = lines.filter((line) => line.startsWith('Content-Encoding'));
    expect(response.all('content-encoding')).toEqual(sent.map((line) => line.slice(18)));
    expect(response.header('content-length')).toBe(String(body.length));
    expect(edge.upstream.bytes).toMatch(/^accept-encoding: gzip;q=0\.5, br , x-odd\r$/im);
  });

  it('row 140: so does a request, and nothing is asked for that the client did not ask for', async () => {
    const headers = ['Content-Encoding: gzip, gzip'];
    const body = zeros.slice(0, 4_000);
    expect((await alice.call({ method: 'POST', headers, body })).status).toBe(200);
    expect(edge.upstream.bytes.endsWith(`\r\n\r\n${body}`)).toBe(true);
    expect(edge.upstream.bytes).toMatch(/^content-encoding: gzip, gzip\r$/im);
    expect(edge.upstream.bytes).not.toMatch(/^accept-encoding:/im);
  });
});

describe.each(protocols)('what is read of a request over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it('row 139: is no JSON: however deep or long, it goes by as bytes', async () => {
    const depth = 100_000;
    const body = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const headers = ['Content-Type: application/json'];
    expect((await alice.call({ method: 'POST', headers, body })).status).toBe(200);
    expect(edge.upstream.bytes.endsWith(body)).toBe(true);
    // Our own endpoints do not read theirs at all.
    for (const path of ['sign-out', 'me']) {
      const own = { path: `/.well-known/sallyport/${path}`, method: 'POST', headers, body };
      expect((await alice.call(own)).status).toBeLessThan(500);
    }
    expect(await alice.call()).toMatchObject({ status: 200 });
  });

  it('row 139: may have names that are all alike: numbers, and those of every object', async () => {
    const numbers = Array.from({ length: 80 }, (_, at) => `${2 ** 24 + at * 1024}: x`);
    const names = ['__proto__: x', 'constructor: x', '0: x', '4294967295: x'];
    const cookies = Array.from({ length: 400 }, (_, at) => `${at * 65_536}=1`).join('; ');
    const query = Array.from({ length: 200 }, (_, at) => `${at * 65_536}=1`).join('&');
    const response = await alice.call({
      cookie: `${cookies}; __proto__=1; ${alice.cookie}`,
      headers: [...numbers, ...names],
      path: `/?${query}&__proto__=1`,
    });
    expect(response.status).toBe(200);
    const forwarded = linesIn(edge.upstream.bytes);
    for (const line of [...numbers, ...names]) expect(forwarded).toContain(line);
    expect(forwarded).toContain(`cookie: ${cookies}; __proto__=1`);
  });

  it('row 138: of a WebSocket nothing but where its frames end, in however many pieces', async () => {
    edge.upstream.script = agree;
    const client = await webSocketOver[protocol](alice);
    const upstream = edge.upstream.connections.findLast(({ bytes }) => bytes.includes('/chat'));
    if (upstream === undefined) throw new Error('no connection to the upstream');
    // One text of single bytes: a beginning, and then nothing that ends it.
    const fragments = `\x01\x01a${'\x00\x01b'.repeat(20_000)}`;
    const hash = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex');
    for (let at = 0; at < fragments.length; at += at < 600 ? 1 : 997) {
      upstream.socket.write(fragments.slice(at, at + (at < 600 ? 1 : 997)), 'latin1');
    }
    expect(hash(await client.take(fragments.length))).toBe(hash(fragments));
    const masked = `\x01\x81mask\x0c${'\x00\x81mask\x0c'.repeat(20_000)}`;
    for (let at = 0; at < masked.length; at += 1_009) client.send(masked.slice(at, at + 1_009));
    await upstream.until(/(?:\x00\x81mask\x0c){1000}$/);
    await expect.poll(() => upstream.bytes.endsWith(masked)).toBe(true);
    // Between two fragments is a place for a frame of ours.
    const blocked = { revocationId: 'rev_ws', kind: 'user', subjectId: 'usr_alice' } as const;
    await edge.apply('revoke', { op: 'block', expiresAtMs: null, ...blocked });
    await client.closed();
    expect(client.received).toMatch(/^\x88.\x03\xf0access was withdrawn$/s);
    await edge.apply('revoke', { op: 'lifted_block', ...blocked });
  });
});

describe.each(protocols)('an answer over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it('row 146: of an application is never kept for another, whatever it allows', async () => {
    let count = 0;
    edge.upstream.script = () => {
      count += 1;
      const body = `answer ${count}`;
      const lines = ['Cache-Control: public, max-age=3600', 'Vary: Cookie', 'Vary: accept'];
      return `${['HTTP/1.1 200 OK', ...lines, 'ETag: "1"', 'Age: 7', 'Content-Length: 8'].join('\r\n')}\r\n\r\n${body}`;
    };
    const bob = await Oracle.of(edge, 'usr_bob', 'app.corp.test', 'other', protocol);
    const bodies = [];
    for (const by of [alice, bob, alice]) {
      const response = await by.call({ path: '/same' });
      bodies.push(response.body);
      expect(response.header('cache-control')).toBe('public, max-age=3600');
      expect(response.all('vary')).toEqual(['Cookie', 'accept']);
      expect([response.header('etag'), response.header('age')]).toEqual(['"1"', '7']);
    }
    expect(bodies).toEqual(['answer 1', 'answer 2', 'answer 3']);
  });

  it('row 146: that nothing has changed goes between client and application alone', async () => {
    edge.upstream.script = () =>
      'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nVary: Cookie\r\nCache-Control: private\r\n\r\n';
    const headers = ['If-None-Match: "1"', 'If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT'];
    const response = await alice.call({ headers });
    expect([response.status, response.body]).toEqual([304, '']);
    expect(response.header('etag')).toBe('"1"');
    expect(response.header('cache-control')).toBe('private');
    const forwarded = edge.upstream.bytes.toLowerCase();
    for (const line of headers) expect(forwarded).toContain(`${line.toLowerCase()}\r\n`);
  });

  it('row 146: of ours is not to be kept, but for the keys', async () => {
    const nobody = { cookie: '' };
    const answers = [
      await alice.call({ ...nobody, page: true }),
      await alice.call(nobody),
      await alice.call({ path: '/a//b' }),
      await alice.call({ device: edge.stranger, page: true }),
      await alice.call({ host: 'www.fin.test' }),
      await alice.call({ ...nobody, path: '/.well-known/sallyport/sign-out' }),
      await alice.call({ ...nobody, path: '/.well-known/sallyport/me' }),
      await alice.call({ headers: [`X: ${'y'.repeat(20_000)}`] }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([302, 401, 400, 403, 404, 200, 302, 431]);
    for (const one of answers) expect(one.all('cache-control')).toEqual(['no-store']);
    const keys = await alice.call({ path: '/.well-known/sallyport/jwks.json' });
    expect(keys.all('cache-control')).toEqual(['public, max-age=60']);
  });
});

it('row 146: an answer to what was no request is not to be kept either', async () => {
  const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
  client.send('nonsense\r\n\r\n');
  const { status, all } = await client.response();
  expect([status, all('cache-control')]).toEqual([400, ['no-store']]);
  client.close();
});
