import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { EarlyServer, openssl } from '../testing/early-data.ts';
import { TestEdge } from '../testing/edge.ts';

const host = 'app.corp.test';

let edge: TestEdge;
let dir: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  dir = await mkdtemp(join(tmpdir(), 'sallyport-early-'));
});
afterAll(async () => {
  await edge.stop();
  await rm(dir, { recursive: true });
});

const block = {
  revocationId: 'rev_ticket',
  kind: 'device',
  subjectId: 'dev_laptop',
} as const;

describe('a device that was revoked', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'comes back with what it has of a session of %s, and is refused (row 4)',
    async (version) => {
      const options = { minVersion: version, maxVersion: version } as const;
      const cookie = await edge.session('usr_alice', 'dev_laptop', host);
      const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`;
      const before = await RawClient.connect(edge, host, edge.laptop, options);
      before.send(request);
      expect((await before.response()).status).toBe(200);
      const session = before.socket.getSession();
      before.close();
      await edge.apply('revoke', { op: 'block', expiresAtMs: null, ...block });
      edge.upstream.forget();
      const again = await RawClient.connect(edge, host, edge.laptop, {
        ...options,
        ...(session === undefined ? {} : { session }),
      });
      expect(again.socket.isSessionReused()).toBe(false);
      again.send(request);
      const response = await again.response();
      expect([response.status, response.body]).toEqual([
        403,
        expect.stringContaining('device_revoked'),
      ]);
      expect(edge.upstream.bytes).toBe('');
      again.close();
      await edge.apply('revoke', { op: 'lifted_block', ...block });
    },
  );
});

describe('a handshake', () => {
  it.each(['-tls1_2', '-tls1_3'])('of %s brings no ticket (row 20)', async (version) => {
    const { laptop, port } = edge;
    const cert = join(dir, 'laptop.pem');
    const key = join(dir, 'laptop.key.pem');
    await Promise.all([writeFile(cert, laptop.cert), writeFile(key, laptop.key)]);
    const said = await openssl(
      [
        ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', host, version],
        ...['-cert', cert, '-key', key, '-msg', '-ign_eof'],
      ],
      'GET / HTTP/1.1\r\nHost: pub.corp.test\r\nConnection: close\r\n\r\n',
    );
    // The answer has been read, and with it all that came before it.
    expect(said).toContain('hello');
    expect(said).toMatch(/<<< .*Finished/);
    expect(said).not.toContain('NewSessionTicket');
  });
});

describe('early data', () => {
  it('is never taken, whoever gave the client leave to send it (row 22)', async () => {
    const server = await EarlyServer.start(edge, dir, host);
    const ticket = await server.ticket(host);
    server.stop();
    const early = join(dir, 'early');
    await writeFile(early, 'GET /early HTTP/1.1\r\nHost: pub.corp.test\r\n\r\n');
    await edge.settle();
    const said = await openssl(
      [
        ...['s_client', '-connect', `127.0.0.1:${edge.port}`, '-servername', host, '-tls1_3'],
        ...['-sess_in', ticket, '-early_data', early, '-ign_eof'],
      ],
      'GET /late HTTP/1.1\r\nHost: pub.corp.test\r\nConnection: close\r\n\r\n',
    );
    expect(said).toContain('Early data was rejected');
    expect(said).toContain('hello');
    await expect.poll(() => edge.records.all.map(({ path }) => path)).toEqual(['/late']);
    expect(edge.upstream.bytes).not.toContain('/early');
  });
});
