import { connect, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { withListener } from '../testing/listener-settings.ts';

type Policies = NonNullable<Parameters<typeof withListener>[1]['tlsPolicies']>;

const policies: Policies = [
  { name: 'strict', hosts: ['admin.corp.test', '*.fin.test'], minVersion: 'TLSv1.3' },
  { name: 'devices', hosts: ['reader.corp.test'], deviceCertificate: 'required' },
];

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await use(policies);
  await edge.settle();
});

async function use(tlsPolicies: Policies): Promise<void> {
  const documents = withListener(edge, { tlsPolicies });
  await edge.apply('config', ...edge.configuration(documents));
}

/** Status and code of a request for the host on the connection. */
async function ask(client: RawClient, host: string, path = '/'): Promise<string> {
  client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const { status, body } = await client.response();
  return `${status} ${body.startsWith('{') ? (JSON.parse(body) as { code: string }).code : body}`;
}

function connectWith(serverName: string, version: SecureVersion): Promise<RawClient> {
  const versions = { minVersion: version, maxVersion: version } as const;
  return RawClient.connect(edge, serverName, edge.laptop, versions);
}

describe('a policy for TLS', () => {
  it.each([
    ['app.corp.test', 'admin.corp.test'],
    ['admin.corp.test', 'pub.corp.test'],
    ['pub.corp.test', 'reader.corp.test'],
    ['reader.corp.test', 'app.corp.test'],
  ])(
    'is not left on a connection: opened for %s, asked for %s, which its certificate covers (row 9)',
    async (opened, asked) => {
      const client = await RawClient.connect(edge, opened, edge.laptop);
      expect(await ask(client, asked)).toBe('421 host_misdirected');
      await client.closed();
      expect(edge.upstream.bytes).toBe('');
      expect(edge.records.all[0]).toMatchObject({ outcome: 'refused', status: 421 });
    },
  );

  it('is shared by the hosts that it lists, and by all that none lists (row 9)', async () => {
    const usual = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    expect(await ask(usual, 'pub.corp.test')).toBe('200 hello');
    expect(await ask(usual, 'strong.corp.test')).toBe('401 session_required');
    usual.close();
    await use([{ name: 'one', hosts: ['app.corp.test', 'pub.corp.test'] }]);
    const listed = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    expect(await ask(listed, 'pub.corp.test')).toBe('200 hello');
    expect(await ask(listed, 'strong.corp.test')).toBe('421 host_misdirected');
    listed.close();
  });

  it.each(['admin.corp.test', 'reports.fin.test'])(
    'closes a connection of TLS 1.2 to %s before anything is served, and records it',
    async (servername) => {
      const socket = connect({
        host: '127.0.0.1',
        port: edge.port,
        ca: edge.pki.server.certificatePem,
        servername,
        maxVersion: 'TLSv1.2',
        ...edge.laptop,
      });
      const received: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      socket.on('error', () => undefined);
      socket.once('secureConnect', () =>
        socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`),
      );
      await new Promise((resolve) => socket.once('close', resolve));
      expect(Buffer.concat(received).toString()).toBe('');
      await expect.poll(() => edge.records.all.length).toBe(1);
      expect(edge.records.all[0]).toMatchObject({
        host: servername,
        outcome: 'refused',
        reasons: ['tls_version_too_old'],
        status: 0,
      });
      const client = await connectWith(servername, 'TLSv1.3');
      expect(await ask(client, servername)).toMatch(/^401 /);
      client.close();
    },
  );

  it('holds from the next request on for connections that are open, and others go on', async () => {
    const [old, young, other] = await Promise.all([
      connectWith('app.corp.test', 'TLSv1.2'),
      connectWith('app.corp.test', 'TLSv1.3'),
      connectWith('admin.corp.test', 'TLSv1.3'),
    ]);
    expect(await ask(old, 'pub.corp.test')).toBe('200 hello');
    await use([
      ...policies,
      { name: 'apps', hosts: ['app.corp.test', 'pub.corp.test'], minVersion: 'TLSv1.3' },
    ]);
    expect(await ask(old, 'pub.corp.test')).toBe('421 host_misdirected');
    expect(await ask(young, 'pub.corp.test')).toBe('200 hello');
    expect(await ask(other, 'admin.corp.test')).toBe('401 session_required');
    for (const client of [old, young, other]) client.close();
  });

  it('that requires a device certificate answers nothing without one that holds', async () => {
    const host = 'reader.corp.test';
    const expired = await edge.pki.deviceNamed('dev_laptop', {
      notBefore: new Date(Date.now() - 3 * 86_400_000),
      notAfter: new Date(Date.now() - 86_400_000),
    });
    for (const device of [null, expired]) {
      for (const path of ['/', '/.well-known/sallyport/jwks.json', '/.well-known/sallyport/me']) {
        const response = await call(edge, { host, device, path });
        expect([path, response.status]).toEqual([path, 403]);
        expect(response.body).toContain('device_certificate_required');
      }
    }
    expect(edge.upstream.bytes).toBe('');
    expect((await call(edge, { host })).status).toBe(200);
    expect((await call(edge, { host: 'pub.corp.test', device: null })).status).toBe(200);
    // It is enrolled nowhere: whether that is enough is a question for the rules.
    const unenrolled = await call(edge, { host, device: edge.stranger });
    expect(unenrolled.body).toContain('device_unknown');
  });
});
