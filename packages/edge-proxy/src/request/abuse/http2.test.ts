import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import {
  block,
  endHeaders,
  endStream,
  FrameClient,
  requestFields,
  types,
} from '../testing/frames.ts';
import { ok } from '../testing/recorder.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
afterEach(async () => {
  edge.upstream.script = ok;
  // The process is alive and the next regular request works.
  expect((await call(edge, { cookie, path: '/alive' })).status).toBe(200);
  await edge.settle();
});

type Fields = Readonly<Record<string, string>>;
type Said = 'answered' | 'reset';

/** Sends one request with these fields, body and trailers, and waits for what comes of it. */
async function ask(change: Fields, body: string | null = null, trailers?: Fields): Promise<Said> {
  const raw = await FrameClient.connect(edge);
  const fields = requestFields(edge, cookie, change);
  // Pseudo-headers come first, whatever was changed.
  const ordered = [...fields.filter(isPseudo), ...fields.filter((field) => !isPseudo(field))];
  raw.send(types.headers, endHeaders | (body === null ? endStream : 0), 1, block(ordered));
  if (body !== null) {
    const last = trailers === undefined ? endStream : 0;
    raw.send(types.data, last, 1, Buffer.from(body, 'latin1'));
  }
  if (trailers !== undefined) raw.ask(1, Object.entries(trailers));
  const { type } = await raw.frames.first(
    ({ type: kind, streamId }) =>
      kind === types.goAway || (streamId === 1 && (kind === types.headers || kind === types.reset)),
  );
  raw.close();
  await expect.poll(() => edge.records.all.length).toBeGreaterThan(0);
  await expect.poll(() => edge.worker.openExchanges()).toBe(0);
  return type === types.headers ? 'answered' : 'reset';
}

function isPseudo([name]: readonly [string, string]): boolean {
  return name.startsWith(':');
}

/** Not a byte of it goes on, and it is recorded as refused. */
function expectRefused(statusMax = 499): void {
  expect(edge.upstream.bytes).toBe('');
  const [first] = edge.records.all;
  expect(first).toMatchObject({ outcome: 'refused', userId: null });
  expect([0, 400, 405, 421, 431].includes(first?.status ?? -1)).toBe(true);
  expect(first?.status).toBeLessThanOrEqual(statusMax);
  expect(first?.certificateSha256).toBe(edge.laptop.sha256);
}

const smuggled = 'GET /admin HTTP/1.1\r\nHost: app.corp.test\r\n\r\n';

describe('row 39: trailers over HTTP/2', () => {
  it.each([
    ['sallyport-assertion', 'forged'],
    ['sallyport_assertion', 'forged'],
    ['x-sallyport-user', 'usr_adam'],
    ['host', 'evil.test'],
    ['content-length', '0'],
    ['cookie', 'a=forged'],
    ['authorization', 'Bearer forged'],
    ['x-forwarded-for', '192.0.2.66'],
    ['transfer-encoding', 'chunked'],
    ['connection', 'sallyport-assertion'],
    [':path', '/admin'],
    [':authority', 'admin.corp.test'],
    ['x-sum', 'of the body'],
    ['x-a', 'b\r\nsallyport-assertion: forged'],
  ])('named %s are dropped, never merged', async (name, value) => {
    const said = await ask({ ':method': 'POST' }, 'ab', { [name]: value });
    const sent = edge.upstream.bytes;
    expect(sent).not.toMatch(/forged|evil|usr_adam|192\.0\.2\.66|of the body|\/admin|^trailer/im);
    // Whole, or never given out as whole.
    if (said === 'answered') expect(sent).toMatch(/2\r\nab\r\n0\r\n\r\n$/);
    else expect(sent).not.toMatch(/0\r\n\r\n$/);
    expect(sent.match(/^sallyport-assertion: eyJ/gim)?.length ?? 0).toBe(sent === '' ? 0 : 1);
  });
});

describe('row 42: what would be something else over HTTP/1.1', () => {
  it.each<[string, Fields]>([
    ['a line break in the method', { ':method': `GET /admin HTTP/1.1\r\nX: ` }],
    ['a space in the method', { ':method': 'GET /admin' }],
    ['a line break in the path', { ':path': '/ HTTP/1.1\r\nHost: evil.test\r\n\r\nGET /admin' }],
    ['a line feed in the path', { ':path': '/\nx' }],
    ['a space in the path', { ':path': '/a HTTP/1.1' }],
    ['a NUL in the path', { ':path': '/\0' }],
    ['a line break in the authority', { ':authority': 'app.corp.test\r\nx: y' }],
    ['a path in the authority', { ':authority': 'app.corp.test/admin' }],
    ['a user in the authority', { ':authority': 'admin@app.corp.test' }],
    ['two hosts in the authority', { ':authority': 'app.corp.test, admin.corp.test' }],
    ['a line break in the scheme', { ':scheme': 'https\r\nx: y' }],
    ['a path in the scheme', { ':scheme': 'https://app.corp.test/admin?' }],
    ['a request in a value', { 'x-a': `b\r\n\r\n${smuggled}` }],
    ['a carriage return in a value', { 'x-a': 'b\rsallyport-assertion: forged' }],
    ['a line feed in a value', { 'x-a': 'b\nsallyport-assertion: forged' }],
    ['a NUL in a value', { 'x-a': 'b\0c' }],
    ['a line break in a crumb of a cookie', { 'cookie ': '', cookie: 'a=b\r\nx: y' }],
    ['a line break in a name', { 'x-a: b\r\nsallyport-assertion': 'forged' }],
    ['a colon in a name', { 'transfer-encoding:': 'chunked' }],
    ['a space behind a name', { 'transfer-encoding ': 'chunked' }],
    ['a name in capitals', { 'Transfer-Encoding': 'chunked' }],
    ['a coding in another spelling', { transfer_encoding: 'chunked' }],
    ['an empty name', { '': 'x' }],
    ['an upgrade', { upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' }],
    ['a list of what is for neighbours', { connection: 'sallyport-assertion' }],
  ])('is refused: %s', async (_name, change) => {
    await ask(change);
    expectRefused();
  });

  it.each<[string, Fields, string]>([
    ['a coding beside frames', { 'transfer-encoding': 'chunked' }, `0\r\n\r\n${smuggled}`],
    ['a length of nothing beside frames', { 'content-length': '0' }, smuggled],
    ['a length that is shorter than the frames', { 'content-length': '4' }, `1234${smuggled}`],
    ['a length that is longer than the frames', { 'content-length': '999' }, smuggled],
    ['two lengths in one', { 'content-length': '0, 46' }, smuggled],
    ['a length with a sign', { 'content-length': '+46' }, smuggled],
  ])('is never a second request: %s', async (_name, change, body) => {
    // An answer could otherwise be whole before the request turns out not to be.
    edge.upstream.script = () => null;
    await ask({ ':method': 'POST', ':path': '/up', ...change }, body);
    // A request that is cut off is none: the upstream never has more than its beginning.
    expect(edge.upstream.bytes).not.toMatch(/^GET \/admin/m);
    expect(edge.records.all.map(({ path }) => path)).not.toContain('/admin');
    const whole = edge.records.all.filter(({ ending, outcome }) => {
      return outcome === 'permit' && ending === 'complete';
    });
    expect(whole).toEqual([]);
  });

  it('is one request where its body looks like another', async () => {
    expect(await ask({ ':method': 'POST', ':path': '/up' }, smuggled)).toBe('answered');
    expect(edge.records.all.map(({ path }) => path)).toEqual(['/up']);
    expect(edge.upstream.bytes).toContain(
      `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n`,
    );
  });
});

describe('row 44: forms of a path over HTTP/2', () => {
  it.each([
    ['without its slash', 'admin'],
    ['absolute', 'https://app.corp.test/admin'],
    ['absolute, of another host', 'http://admin.corp.test/'],
    ['without a scheme', '//admin.corp.test/'],
    ['empty', ''],
    ['a star', '*'],
    ['a query alone', '?admin'],
    ['a fragment', '/#admin'],
    ['a fragment alone', '#admin'],
    ['with a backslash', '\\admin'],
    ['with a backslash behind its slash', '/\\admin'],
    ['behind a space', ' /admin'],
    ['before a space', '/admin '],
    ['with a tab', '/\tadmin'],
    ['with an octet that is no ASCII', '/\xc3\xa9'],
    ['with a NUL that is coded', '/%00'],
    ['with a slash that is coded', '/a%2fadmin'],
    ['with a point that is coded twice', '/%252e%252e/admin'],
    ['of an authority', 'app.corp.test:443'],
  ])('%s: is refused', async (_name, path) => {
    await ask({ ':path': path });
    expectRefused(400);
  });

  it('a star is refused for OPTIONS too', async () => {
    await ask({ ':method': 'OPTIONS', ':path': '*' });
    expectRefused(400);
  });
});

describe('row 137: header bombs over HTTP/2', () => {
  const many = (count: number, length: number): Fields =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`x-${index}`, 'y'.repeat(length)]),
    );

  it.each<[string, Fields]>([
    ['90 of 150 bytes', many(90, 150)],
    ['100 more than there may be', many(200, 1)],
    ['more than nghttp2 takes', many(300, 1)],
  ])('%s: is refused with 431', async (_name, change) => {
    await ask(change);
    expectRefused(431);
    expect(edge.records.all[0]?.reasons[0]).toMatch(/^headers_too_(?:large|many)$/);
  });

  it.each<[string, Fields]>([
    ['17,000 bytes in one', { 'x-a': 'y'.repeat(17_000) }],
    ['64 KiB in one', { 'x-a': 'y'.repeat(65_536) }],
    ['127 of 500 bytes', many(127, 500)],
    ['a cookie of 60 KiB', { cookie: `a=${'y'.repeat(60_000)}` }],
  ])('%s: in as many frames as it takes, ends in a refusal too', async (_name, change) => {
    const raw = await FrameClient.connect(edge);
    const bytes = block(requestFields(edge, '', { ':path': '/bomb', ...change }));
    raw.send(types.headers, endStream, 1, bytes.subarray(0, 16_000));
    for (let at = 16_000; at < bytes.length; at += 16_000) {
      const last = at + 16_000 >= bytes.length;
      raw.send(types.continuation, last ? endHeaders : 0, 1, bytes.subarray(at, at + 16_000));
    }
    await expect.poll(() => edge.records.all.length).toBe(1);
    raw.close();
    expectRefused(431);
    expect(edge.records.all[0]?.reasons[0]).toMatch(/^headers_too_(?:large|many)$/);
  });
});

describe('row 141: what makes others fall over', () => {
  it.each<[string, Fields, RegExp]>([
    ['a host of broken Punycode', { ':authority': 'xn--a.corp.test' }, /^host_/],
    ['a host that is no Punycode', { ':authority': 'xn--\x7f.corp.test' }, /^host_|^malformed/],
    ['a host of 8-bit octets', { ':authority': '\xe9.corp.test' }, /^host_|^malformed/],
    ['a host without end', { ':authority': 'xn--a.'.repeat(200) }, /^host_/],
    ['a host of numbers', { ':authority': '0x7f.1' }, /^host_/],
    [
      'a port without end',
      { ':authority': `app.corp.test:${'9'.repeat(400)}` },
      /^host_|^malformed/,
    ],
    ['the prototype as a host', { ':authority': '__proto__' }, /^host_/],
  ])('%s: is refused', async (_name, change, reason) => {
    await ask(change);
    expectRefused(421);
    expect(edge.records.all[0]?.reasons[0]).toMatch(reason);
  });
});
