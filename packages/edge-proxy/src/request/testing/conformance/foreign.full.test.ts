import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestEdge } from '../edge.ts';
import { ok } from '../recorder.ts';

// Debian's own: another Python on the path does not see what its packages bring.
const python = '/usr/bin/python3';
const isThere = existsSync(python) && existsSync('/usr/lib/python3/dist-packages/h2');
const largeBytes = 8 * 2 ** 20;

describe.skipIf(!isThere)('a client of HTTP/2 of another make', () => {
  let edge: TestEdge;
  let folder: string;
  beforeAll(async () => {
    edge = await TestEdge.start();
    folder = await mkdtemp(join(tmpdir(), 'sallyport-h2-'));
  });
  afterAll(async () => {
    await edge.stop();
    await rm(folder, { recursive: true });
  });

  it('finds nothing wrong with what it is sent', { timeout: 60_000 }, async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    edge.upstream.script = (head, connection) => {
      if (head.includes('/never')) return null;
      if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
      if (!head.includes('/large')) return ok(head, connection);
      return `HTTP/1.1 200 OK\r\nContent-Length: ${largeBytes}\r\n\r\n${'z'.repeat(largeBytes)}`;
    };
    const files = { 'ca.pem': edge.pki.server.certificatePem, 'device.pem': edge.laptop.cert };
    for (const [name, text] of Object.entries({ ...files, 'key.pem': edge.laptop.key })) {
      await writeFile(join(folder, name), text, { mode: 0o600 });
    }
    const at = (name: string) => join(folder, name);
    const { stdout } = await promisify(execFile)(python, [
      join(import.meta.dirname, 'client.py'),
      String(edge.port),
      at('ca.pem'),
      at('device.pem'),
      at('key.pem'),
      cookie,
    ]);
    const whole = (status: number, bytes: unknown) => [
      { path: expect.any(String) as string, status, bytes, ended: 'StreamEnded' },
    ];
    const said = JSON.parse(stdout) as Record<string, unknown> & { side: { status: number }[] };
    expect(said).toMatchObject({
      agreed: 'h2',
      plain: whole(200, 5),
      head: whole(200, 0),
      nobody: whole(401, expect.any(Number)),
      upload: whole(200, 5),
      trailers: whole(200, 5),
      large: whole(200, largeBytes),
      settings: { streams: 100, connect: 1 },
      acknowledged: true,
      last: whole(400, expect.any(Number)),
    });
    expect(said.side.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect(edge.records.all.length).toBe(58);
    expect(edge.upstream.bytes).not.toContain('x-sum');
  });
});
