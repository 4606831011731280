import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { newId } from '@sallyport/shared/ids';
import type { Block, Device, User } from '@sallyport/shared/state/model';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Call, call, RawClient } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

const runnerId = newId('dev');

/** Route `<name>.fin.test` with one policy of its name. */
function guarded(port: number, name: string, allow: object): ConfigurationDocument[] {
  const url = `https://upstream.corp.localhost:${port}`;
  const upstream = { url, trustBundle: 'upstreams' };
  const spec = { match: [{ host: `${name}.fin.test` }], policies: [name], upstream };
  return [
    { apiVersion, kind: 'Policy', metadata: { name }, spec: { allow: [allow] } },
    { apiVersion, kind: 'Route', metadata: { name }, spec },
  ] as ConfigurationDocument[];
}

const groups = ['employees'];
const disk = [{ name: 'disk-encrypted', is: true, maxAge: '1d' }];
const documents = (port: number): ConfigurationDocument[] => [
  {
    apiVersion,
    kind: 'ServiceIdentity',
    metadata: { name: 'ci-runner' },
    spec: { devices: [runnerId] },
  },
  ...guarded(port, 'queue', { name: 'runners', services: ['ci-runner'] }),
  ...guarded(port, 'contractors', { name: 'some', employment: { class: ['contractor'] } }),
  ...guarded(port, 'encrypted', { name: 'some', groups, device: { posture: disk } }),
  ...guarded(port, 'fresh', { name: 'some', groups, device: { certificateMaxAge: '1d' } }),
  ...guarded(port, 'roles', {
    name: 'some',
    anonymous: true,
    headers: [{ name: 'x-role', is: ['reader', 'admin'] }],
  }),
];

let edge: TestEdge;
let alice: User;
let laptop: Device;
beforeAll(async () => {
  edge = await TestEdge.start();
  const { pki, upstream } = edge;
  const all = testDocuments(pki, upstream.port, documents(upstream.port));
  await edge.apply('config', ...edge.configuration(all));
  const [user, device] = [
    edge.state.current.user('usr_alice'),
    edge.state.current.device('dev_laptop'),
  ];
  if (user === null || device === null) throw new Error('no alice');
  [alice, laptop] = [user, device];
  await edge.apply(
    'directory',
    { ...laptop, id: runnerId, name: 'runner', ownerUserId: null },
    {
      op: 'device_certificate',
      sha256: edge.stranger.sha256,
      deviceId: runnerId,
      notBeforeMs: 0,
      notAfterMs: Date.now() + 1e9,
    },
  );
});
afterAll(() => edge.stop());
beforeEach(async () => {
  edge.upstream.script = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
  await edge.apply('directory', alice, laptop);
  await edge.settle();
});

/** Status, and the code of a refusal. */
async function ask(name: string, more: Call = {}): Promise<[number, string | null]> {
  const host = `${name}.fin.test`;
  const cookie = await edge.session('usr_alice', 'dev_laptop', host);
  const { status, body } = await call(edge, { host, cookie, ...more });
  return [status, status === 200 ? null : (JSON.parse(body) as { code: string }).code];
}

const runner = (more: Call = {}) =>
  call(edge, { host: 'queue.fin.test', device: edge.stranger, ...more });

/** A download on the route that has begun and does not end. */
async function download(host: string, more: string, device = edge.laptop): Promise<RawClient> {
  edge.upstream.script = () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n';
  const client = await RawClient.connect(edge, host, device);
  client.send(`GET /download HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
  await client.until(/part\r\n/);
  return client;
}

async function cookieLine(host: string): Promise<string> {
  return `Cookie: ${await edge.session('usr_alice', 'dev_laptop', host)}\r\n`;
}

async function reasonsOfTheOnlyRecord(): Promise<readonly string[]> {
  await expect.poll(() => edge.records.all.length).toBe(1);
  return edge.records.all[0]?.reasons ?? [];
}

describe('employment', () => {
  it('is a fact of the user, and unknown until somebody says it', async () => {
    expect(await ask('contractors')).toEqual([403, expect.any(String)]);
    await edge.apply('directory', {
      ...alice,
      employment: { class: 'contractor', endsAtMs: null },
    });
    edge.records.all.length = 0;
    expect(await ask('contractors')).toEqual([200, null]);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]?.facts?.user).toMatchObject({
      employment: { class: 'contractor', endsAtMs: null },
    });
    await edge.apply('directory', { ...alice, employment: { class: 'employee', endsAtMs: null } });
    expect((await ask('contractors'))[0]).toBe(403);
  });

  it('that has ended refuses on every route, whatever its rules say', async () => {
    const endsAtMs = Date.now() - 1;
    await edge.apply('directory', { ...alice, employment: { class: 'contractor', endsAtMs } });
    expect(await ask('contractors')).toEqual([403, 'employment_ended']);
    expect(await ask('roles', { headers: ['X-Role: admin'] })).toEqual([403, 'employment_ended']);
  });

  it('that ends cuts what is under way, by time alone and by the word of the directory', async () => {
    const host = 'contractors.fin.test';
    const endsAtMs = Date.now() + 60_000;
    await edge.apply('directory', { ...alice, employment: { class: 'contractor', endsAtMs } });
    const first = await download(host, await cookieLine(host));
    edge.clock.offsetMs = 61_000;
    await first.closed();
    edge.clock.offsetMs = 0;
    expect(await reasonsOfTheOnlyRecord()).toEqual(['rule_allowed', 'employment_ended']);
    expect(edge.records.all[0]?.ending).toBe('expired');
    edge.records.all.length = 0;
    const second = await download(host, await cookieLine(host));
    const ended = { class: 'contractor', endsAtMs: Date.now() } as const;
    await edge.apply('directory', { ...alice, employment: ended });
    await second.closed();
    expect(await reasonsOfTheOnlyRecord()).toEqual(['rule_allowed', 'employment_ended']);
    expect(edge.records.all[0]?.ending).toBe('revoked');
  });
});

describe('a device', () => {
  it('is what was observed of it lately', async () => {
    const observed = (value: boolean, hours: number) =>
      edge.apply('directory', {
        ...laptop,
        posture: [
          { name: 'disk-encrypted', value, observedAtMs: Date.now() - hours * 3_600_000 },
          { name: 'os', value: 'macos', observedAtMs: 1 },
        ],
      });
    const status = async () => (await ask('encrypted'))[0];
    expect(await status()).toBe(403);
    await observed(true, 1);
    edge.records.all.length = 0;
    expect(await status()).toBe(200);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]?.facts?.device).toMatchObject({
      posture: [
        { name: 'disk-encrypted', value: true },
        { name: 'os', value: 'macos' },
      ],
    });
    await observed(false, 1);
    expect(await status()).toBe(403);
    await observed(true, 25);
    expect(await status()).toBe(403);
  });

  it('is cut off when what is observed of it does not do any more', async () => {
    const host = 'encrypted.fin.test';
    const fact = { name: 'disk-encrypted', value: true, observedAtMs: Date.now() };
    await edge.apply('directory', { ...laptop, posture: [fact] });
    const client = await download(host, await cookieLine(host));
    await edge.apply('directory', { ...laptop, posture: [{ ...fact, value: false }] });
    await client.closed();
    expect((await reasonsOfTheOnlyRecord())[0]).toBe('rule_allowed');
  });

  it('has a certificate of an age', async () => {
    expect(await ask('fresh')).toEqual([200, null]);
    const old = await edge.pki.deviceNamed('dev_laptop', {
      notBefore: new Date(Date.now() - 2 * 86_400_000),
      notAfter: new Date(Date.now() + 86_400_000),
    });
    expect((await ask('fresh', { device: old }))[0]).toBe(403);
  });
});

describe('a service identity', () => {
  const block: Block = {
    op: 'block',
    revocationId: 'rev_service',
    kind: 'service',
    subjectId: 'ci-runner',
    expiresAtMs: null,
  };
  const { expiresAtMs: _, ...rest } = block;
  const lift = { ...rest, op: 'lifted_block' } as const;

  it('passes on its certificate alone, and no other device does', async () => {
    expect((await runner()).status).toBe(200);
    expect((await runner({ device: edge.laptop })).status).toBe(403);
    expect((await runner({ device: null })).status).toBe(403);
  });

  it('that is revoked is refused with all devices that stand for it, and cut off', async () => {
    const client = await download('queue.fin.test', '', edge.stranger);
    await edge.apply('revoke', block);
    await client.closed();
    expect(await reasonsOfTheOnlyRecord()).toEqual(['rule_allowed', 'service_revoked']);
    edge.records.all.length = 0;
    const { status, body } = await runner();
    expect([status, JSON.parse(body)]).toMatchObject([403, { code: 'service_revoked' }]);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]?.facts?.device).toMatchObject({ id: runnerId, blocked: 'service' });
    edge.upstream.script = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
    expect(await ask('fresh')).toEqual([200, null]);
    await edge.apply('revoke', lift);
    expect((await runner()).status).toBe(200);
  });

  it('of another name that is revoked changes nothing', async () => {
    await edge.apply('revoke', { ...block, subjectId: 'backup' });
    expect((await runner()).status).toBe(200);
    await edge.apply('revoke', { ...lift, subjectId: 'backup' });
  });
});

describe('the headers that a condition names', () => {
  const roles = async (...headers: string[]) => {
    edge.records.all.length = 0;
    const { status } = await call(edge, { host: 'roles.fin.test', device: null, headers });
    await expect.poll(() => edge.records.all.length).toBe(1);
    return [status, edge.records.all[0]?.facts?.request.headers];
  };

  it('are facts line by line, as received', async () => {
    expect(await roles('X-Role: admin')).toEqual([200, { 'x-role': ['admin'] }]);
    expect(await roles('X-ROLE: admin', 'x-role: reader ,admin')).toEqual([
      200,
      { 'x-role': ['admin', 'reader ,admin'] },
    ]);
  });

  it('hide no value behind another', async () => {
    for (const more of ['x-role: root', 'x-role: admin, root', 'x-role:']) {
      expect((await roles('X-Role: admin', more))[0]).toBe(403);
    }
  });

  it('are all that is recorded of headers: no cookie, token or other name', async () => {
    const sent = ['Authorization: Bearer x', 'X-Role2: a', 'X_Role: admin', '__proto__: admin'];
    expect(await roles(...sent)).toEqual([403, {}]);
    expect(JSON.stringify(edge.records.all)).not.toContain('Bearer');
  });

  it('are sent on as they came', async () => {
    edge.upstream.forget();
    await roles('X-Role: admin');
    expect(edge.upstream.bytes).toMatch(/x-role: admin/i);
  });
});
