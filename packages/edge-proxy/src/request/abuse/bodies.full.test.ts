import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Http2Client, protocols, responseOf } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle } from '../testing/oracle.ts';
import { ok } from '../testing/recorder.ts';
import { webSocketOver } from '../testing/tunnels.ts';
import { agree } from '../testing/web-socket.ts';

/** Rows at the size that they name. */
let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

const hash = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex');

/** As deep as it is long. */
function* deepJson(): Generator<string> {
  for (const bracket of ['[', ']']) {
    for (let at = 0; at < 800; at += 1) yield bracket.repeat(65_536);
  }
}
const jsonBytes = 2 * 800 * 65_536;
const lines = ['Content-Type: application/json', `Content-Length: ${jsonBytes}`];

/** Sends all of it, as far as it is taken; the status that comes meanwhile, 0: none. */
const upload = {
  'http/1.1': async (by: Oracle, path: string) => {
    const client = await by.connect();
    client.send(by.request(`POST ${path} HTTP/1.1`, ...lines));
    Readable.from(deepJson()).pipe(client.socket);
    // The connection may be gone before all was sent.
    const { status } = await client.response().catch(() => ({ status: 0 }));
    client.close();
    return status;
  },
  h2: async ({ cookie, device, host }: Oracle, path: string) => {
    const client = await Http2Client.worded(edge, host, device);
    const stream = client.open({ cookie, method: 'POST', path, headers: lines });
    Readable.from(deepJson()).pipe(stream);
    const { status } = await responseOf(stream);
    client.close();
    return status;
  },
} as const;

describe.each(protocols)('over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it('row 138: a million fragments of one byte are bytes that go by, both ways', async () => {
    edge.upstream.script = agree;
    const client = await webSocketOver[protocol](alice);
    const upstream = edge.upstream.connections.findLast(({ bytes }) => bytes.includes('/chat'));
    if (upstream === undefined) throw new Error('no connection to the upstream');
    const fragments = `\x01\x01a${'\x00\x01b'.repeat(1_000_000)}`;
    const before = process.memoryUsage.rss();
    for (let at = 0; at < fragments.length; at += 997) {
      upstream.socket.write(fragments.slice(at, at + 997), 'latin1');
    }
    expect(hash(await client.take(fragments.length))).toBe(hash(fragments));
    const masked = `\x01\x81mask\x0c${'\x00\x81mask\x0c'.repeat(1_000_000)}`;
    for (let at = 0; at < masked.length; at += 65_521) client.send(masked.slice(at, at + 65_521));
    const came = () => upstream.bytes.length - upstream.bytes.indexOf('\r\n\r\n') - 4;
    await expect.poll(came, { timeout: 60_000 }).toBe(masked.length);
    expect(hash(upstream.bytes.slice(-masked.length))).toBe(hash(masked));
    // Client, edge and upstream together, which keep all that came.
    expect(process.memoryUsage.rss() - before).toBeLessThan(512 * 1024 * 1024);
    client.close();
  }, 120_000);

  it('row 139: 100 MB of JSON are read by none of our own endpoints, which answer at once', async () => {
    for (const path of ['sign-out', 'me', 'jwks.json']) {
      await edge.settle();
      const status = await upload[protocol](alice, `/.well-known/sallyport/${path}`);
      expect(status).toBeLessThan(500);
      await expect.poll(() => edge.records.all.length, { timeout: 30_000 }).toBe(1);
      expect(edge.records.all[0]?.bytesIn).toBeLessThan(8 * 1024 * 1024);
      expect(edge.upstream.bytes).toBe('');
      expect((await alice.call()).status).toBe(200);
    }
  }, 120_000);
});
