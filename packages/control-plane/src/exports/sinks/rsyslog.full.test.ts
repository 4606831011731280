import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseNetwork } from '@sallyport/policy';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { exportRow, exportRows, hostileTexts } from '../../testing/export-rows.ts';
import { createSyslogSink } from './syslog.ts';

const program = '/usr/sbin/rsyslogd';
const driver = execFileSync('find', ['/usr/lib', '-name', 'lmnsd_gtls.so']).toString().trim();
const host = 'rsyslog.corp.localhost';

let server: ChildProcess | null = null;
let folder = '';
afterAll(async () => {
  if (server !== null && server.exitCode === null) {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
  if (folder !== '') await rm(folder, { recursive: true });
});

/** The server of Debian, which writes what it understood of each message as a line of JSON. */
async function startRsyslog(): Promise<{ port: number; authorities: string; file: string }> {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-rsyslog-'));
  const authority = await createAuthority({ name: 'test', days: 1 });
  const tls = await issueWithNewKey(authority, {
    commonName: host,
    dns: [host],
    usage: 'server',
    days: 1,
  });
  const port = await freePort();
  const path = (name: string) => join(folder, name);
  await writeFile(path('ca.pem'), authority.certificatePem);
  await writeFile(path('cert.pem'), tls.certificatePem);
  await writeFile(path('key.pem'), tls.privateKeyPem);
  await writeFile(
    path('rsyslog.conf'),
    `
    global(workDirectory="${folder}" defaultNetstreamDriver="gtls"
      defaultNetstreamDriverCAFile="${path('ca.pem')}"
      defaultNetstreamDriverCertFile="${path('cert.pem')}"
      defaultNetstreamDriverKeyFile="${path('key.pem')}")
    module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
    input(type="imtcp" address="127.0.0.1" port="${port}")
    template(name="understood" type="list" option.jsonf="on") {
      property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
      property(outname="host" name="hostname" format="jsonf")
      property(outname="app" name="app-name" format="jsonf")
      property(outname="id" name="msgid" format="jsonf")
      property(outname="severity" name="syslogseverity" format="jsonf")
      property(outname="facility" name="syslogfacility" format="jsonf")
      property(outname="data" name="structured-data" format="jsonf")
      property(outname="text" name="msg" format="jsonf")
    }
    action(type="omfile" file="${path('understood')}" template="understood")
    `,
  );
  server = spawn(program, ['-n', '-f', path('rsyslog.conf'), '-i', path('pid')], {
    stdio: 'ignore',
  });
  await vi.waitFor(() => answers(port), { timeout: 20_000, interval: 50 });
  return { port, authorities: authority.certificatePem, file: path('understood') };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

async function answers(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  socket.destroy();
}

describe.skipIf(!existsSync(program) || driver === '')('rsyslog', () => {
  it('understands every message as it was meant', async () => {
    const { port, authorities, file } = await startRsyslog();
    const sink = createSyslogSink({
      server: { host, port },
      authorities,
      internal: [parseNetwork('127.0.0.0/8')].filter((network) => network !== null),
      facility: 17,
      host: 'replica-1',
      timeoutMs: 20_000,
    });
    const { signal } = new AbortController();
    const hostile = hostileTexts.map((text, index) =>
      exportRow(1_001 + index, {
        fields: [['path', text]],
        value: { position: 1_001 + index, path: text },
      }),
    );
    await sink.send(exportRows(1, 500), signal);
    await sink.send(exportRows(501, 1_000), signal);
    await sink.send(hostile, signal);
    await vi.waitFor(
      async () => {
        const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
        const understood = lines.map((line) => JSON.parse(line) as Record<string, string>);
        const positions = understood.map(({ text = '' }) => {
          const { position } = JSON.parse(text) as { position: number };
          return position;
        });
        expect(positions).toEqual([
          ...exportRows(1, 1_000).map(({ position }) => position),
          ...hostile.map(({ position }) => position),
        ]);
        expect(understood[0]).toMatchObject({
          time: '2026-11-23T08:00:00.123Z',
          host: 'replica-1',
          app: 'sallyport',
          id: 'access',
          severity: '6',
          facility: '17',
          data: '[sallyport@32473 position="1" outcome="permit" route="wiki"]',
        });
      },
      { timeout: 20_000, interval: 100 },
    );
  });
});
