import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Call } from '../testing/client.ts';
import { protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { linesIn, Oracle } from '../testing/oracle.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

describe.each(protocols)('the head of a request over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });
  afterEach(() => alice.alive());

  const pairs = (count: number, length: number) =>
    Array.from({ length: count }, (_, at) => `x-${at}: ${'y'.repeat(length)}`);

  it.each<[string, Call, string]>([
    ['one line of 20 KB', { headers: pairs(1, 20_000) }, 'headers_too_large'],
    ['one line of 64 KiB', { headers: pairs(1, 65_536) }, 'headers_too_large'],
    ['90 lines of 500 bytes', { headers: pairs(90, 500) }, 'headers_too_large'],
    ['127 lines of 500 bytes', { headers: pairs(127, 500) }, 'headers_too_'],
    ['99 lines that are small', { headers: pairs(99, 1) }, 'headers_too_many'],
    ['a path of 20 KB', { path: `/${'y'.repeat(20_000)}` }, 'headers_too_large'],
    ['a name of 20 KB', { headers: [`${'y'.repeat(20_000)}: x`] }, 'headers_too_large'],
    ['a cookie of 20 KB', { cookie: `a=${'y'.repeat(20_000)}` }, '_too_large'],
  ])('row 137: is refused where it is too large: %s', async (_name, asks, code) => {
    expect(await alice.refuses(asks, 431, 0)).toContain(code);
  });

  it('row 137: costs what it says, however often the same line is sent', async () => {
    const client = await alice.client();
    const headers = pairs(20, 500);
    for (let count = 0; count < 20; count += 1) {
      const { status } = await client.ask({ cookie: alice.cookie, headers });
      expect(status).toBe(200);
    }
    client.close();
    const forwarded = linesIn(edge.upstream.bytes);
    expect(forwarded.filter((line) => line.startsWith('x-7: '))).toHaveLength(20);
  });

  it.each([
    [
      'names of every object',
      ['__proto__: a', 'constructor: b', 'tostring: c', 'hasownproperty: d'],
    ],
    ['names in which nothing stands but signs', ["!#$%&'*+-.^_`|~: x", '-: y', '_: z']],
    ['values in other alphabets', ['x-a: \xe9\xff\x80', 'x-b: %s%n{}${}']],
  ])('row 141: may hold %s', async (_name, headers) => {
    expect((await alice.call({ headers })).status).toBe(200);
    const forwarded = linesIn(edge.upstream.bytes);
    for (const line of headers) expect(forwarded).toContain(line);
  });

  it.each([
    ['xn--iñvalid.com'],
    ['xn--.corp.test'],
    ['xn--\xff.corp.test'],
    ['[::ffff:1'],
    ['app.corp.test:0x1bb'],
    ['__proto__'],
    ['a'.repeat(8_000)],
    ['.'],
  ])('row 141: names a host that is none without harm: %.20s', async (authority) => {
    await alice.refuses({ authority }, 400, 421, 0);
  });
});
