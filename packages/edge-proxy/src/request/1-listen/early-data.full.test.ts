import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { EarlyServer, openssl } from '../testing/early-data.ts';
import { TestEdge } from '../testing/edge.ts';
import { block, endHeaders, endStream, frame, requestFields, types } from '../testing/frames.ts';

/** Each of the names that the edge serves, with each protocol, again and again by the same ticket. */
const names = ['app', 'admin', 'pub', 'reader', 'strong', 'signin'].map(
  (name) => `${name}.corp.test`,
);
const replays = 5;

let edge: TestEdge;
let dir: string;
let server: EarlyServer;
beforeAll(async () => {
  edge = await TestEdge.start();
  dir = await mkdtemp(join(tmpdir(), 'sallyport-early-'));
  server = await EarlyServer.start(edge, dir, ...names, 'reports.fin.test');
});
afterAll(async () => {
  server.stop();
  await edge.stop();
  await rm(dir, { recursive: true });
});
beforeEach(() => edge.settle());

function bytesFor(name: string, protocol: string): Buffer {
  if (protocol !== 'h2') {
    return Buffer.from(`GET /early HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
  }
  const fields = requestFields(edge, '', { ':authority': name, ':path': '/early' });
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(types.settings, 0, 0, Buffer.alloc(0)),
    frame(types.headers, endHeaders | endStream, 1, block(fields)),
  ]);
}

const client = (name: string) => [
  ...['s_client', '-connect', `127.0.0.1:${edge.port}`, '-servername', name, '-tls1_3'],
];

describe('early data (row 22)', () => {
  it.each(
    [...names, 'reports.fin.test'].flatMap((name) =>
      ['none', 'http/1.1', 'h2'].map((protocol) => [name, protocol] as const),
    ),
  )(
    'is never taken for %s with the protocol %s, however often it is sent',
    async (name, protocol) => {
      const alpn = protocol === 'none' ? [] : ['-alpn', protocol];
      const ticket = await server.ticket(name, ...alpn);
      const early = join(dir, 'early');
      await writeFile(early, bytesFor(name, protocol));
      for (let count = 0; count < replays; count += 1) {
        const args = [...client(name), ...alpn, '-sess_in', ticket, '-early_data', early];
        expect(await openssl(args, '')).toContain('Early data was rejected');
      }
      await expect.poll(() => edge.worker.openConnections(), { timeout: 10_000 }).toBe(0);
      expect(edge.upstream.bytes).toBe('');
      expect(edge.records.all).toEqual([]);
      expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
    },
  );

  it('has no leave of the edge itself: what it says of a session allows none', async () => {
    const own = join(dir, 'own.pem');
    const request = 'GET / HTTP/1.1\r\nHost: pub.corp.test\r\nConnection: close\r\n\r\n';
    const said = await openssl([...client('pub.corp.test'), '-sess_out', own, '-ign_eof'], request);
    expect(said).toContain('hello');
    if (!existsSync(own)) return;
    const told = await openssl(['sess_id', '-in', own, '-noout', '-text'], '');
    expect(told).toContain('Max Early Data: 0');
  });
});
