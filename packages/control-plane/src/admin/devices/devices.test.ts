import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { createCsr } from '@sallyport/shared/pki/csr';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { writePem } from '@sallyport/shared/pki/pem';
import { deviceIdOf } from '@sallyport/shared/pki/spiffe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { loggedOps, newestOps } from '../../testing/log-ops.ts';

const run = promisify(execFile);

let admin: TestAdmin;
let folder: string;
beforeAll(async () => {
  admin = await testAdmin();
  folder = await mkdtemp(join(tmpdir(), 'sallyport-devices-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function createDevice(): Promise<string> {
  const { body } = await admin.send('POST', '/v1/devices', { body: { name: 'laptop' } });
  return body.id as string;
}

async function csr(): Promise<string> {
  const { csrDer } = await createCsr({ commonName: 'whatever' });
  return writePem('CERTIFICATE REQUEST', csrDer);
}

const enrol = (id: string, body: object) =>
  admin.send('POST', `/v1/devices/${id}/certificates`, { body });

test('a request gets a certificate of our authority that names the device', async () => {
  const id = await createDevice();
  const { status, body } = await enrol(id, { csr: await csr(), validDays: 30 });
  expect(status).toBe(201);
  expect(body).toMatchObject({ deviceId: id, source: 'issued' });
  const info = inspectCertificate(body.certificate as string);
  if (info === null) throw new Error('no certificate');
  expect(deviceIdOf(info, 'corp.test')).toBe(id);
  expect([info.sha256, info.hasClientAuth, info.isCa]).toEqual([body.sha256, true, false]);
  expect(info.notAfterMs - Date.now()).toBeLessThanOrEqual(30 * 86_400_000);
  expect(await newestOps(admin.database, 'directory')).toEqual([
    {
      op: 'device_certificate',
      sha256: body.sha256,
      deviceId: id,
      notBeforeMs: info.notBeforeMs,
      notAfterMs: info.notAfterMs,
    },
  ]);
  const { body: list } = await admin.send('GET', `/v1/devices/${id}/certificates`);
  expect(list.items).toMatchObject([{ sha256: body.sha256 }]);
});

test('a certificate of another authority is registered once, for one device', async () => {
  const authority = await createAuthority({ name: 'MDM', days: 10 });
  const other = await issueWithNewKey(authority, { commonName: 'mac', usage: 'client', days: 5 });
  const [first, second] = [await createDevice(), await createDevice()];
  const { status, body } = await enrol(first, { certificate: other.certificatePem });
  expect([status, body.source]).toEqual([201, 'registered']);
  expect((await enrol(second, { certificate: other.certificatePem })).status).toBe(409);
});

describe('what cannot stand for a device is not enrolled (abuse rows 13, 14, 15)', () => {
  test('a server certificate, an authority, an expired one, two at once and no certificate', async () => {
    const id = await createDevice();
    const authority = await createAuthority({ name: 'MDM', days: 10 });
    const server = await issueWithNewKey(authority, { commonName: 'x', usage: 'server', days: 5 });
    const client = await issueWithNewKey(authority, { commonName: 'x', usage: 'client', days: 5 });
    const expired = await issueWithNewKey(authority, {
      commonName: 'x',
      usage: 'client',
      notBefore: new Date(Date.now() - 20_000),
      notAfter: new Date(Date.now() - 10_000),
    });
    const bad = [
      server.certificatePem,
      authority.certificatePem,
      expired.certificatePem,
      client.certificatePem + server.certificatePem,
      client.privateKeyPem,
      'nonsense',
    ];
    for (const certificate of bad) {
      const { status, body } = await enrol(id, { certificate });
      expect([status, body.errors[0].field]).toEqual([400, '/certificate']);
    }
  });

  test.each([
    ['RSA of 1024 bits', ['-newkey', 'rsa:1024']],
    ['a SHA-1 signature', ['-newkey', 'rsa:2048', '-sha1']],
    ['P-192', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime192v1']],
    ['Ed448', ['-newkey', 'ed448']],
  ])('%s is too weak, in a request and in a certificate', async (_name, options) => {
    const id = await createDevice();
    const key = join(folder, 'weak.key');
    const file = join(folder, 'weak.pem');
    const common = [...options, '-nodes', '-keyout', key, '-out', file, '-subj', '/CN=weak'];
    await run('openssl', ['req', '-new', ...common]);
    const request = await enrol(id, { csr: await readFile(file, 'utf8') });
    expect([request.status, request.body.errors[0].field]).toEqual([400, '/csr']);
    const usage = [
      'extendedKeyUsage=clientAuth',
      'keyUsage=digitalSignature',
      'basicConstraints=CA:FALSE',
    ];
    await run('openssl', ['req', '-x509', ...common, ...usage.flatMap((one) => ['-addext', one])]);
    const certificate = await enrol(id, { certificate: await readFile(file, 'utf8') });
    expect([certificate.status, certificate.body.errors[0].field]).toEqual([400, '/certificate']);
  });

  test.each([
    ['a NUL in a name', 'DNS:good', '676f6f64', '67006f64'],
    ['a comma in a URI', 'URI:https://a.test/xDNS', '78444e53', '2c444e53'],
  ])('%s', async (_name, san, from, to) => {
    const id = await createDevice();
    const file = join(folder, 'odd.pem');
    const extensions = [
      `subjectAltName=${san}`,
      'extendedKeyUsage=clientAuth',
      'keyUsage=digitalSignature',
    ];
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', join(folder, 'odd.key'), '-out', file, '-outform', 'DER', '-subj', '/CN=odd'],
      ...extensions.flatMap((one) => ['-addext', one]),
    ]);
    // The name is changed in the bytes: no tool writes such a certificate.
    const hex = (await readFile(file)).toString('hex');
    expect(hex).toContain(from);
    const certificate = writePem('CERTIFICATE', Buffer.from(hex.replace(from, to), 'hex'));
    const { status, body } = await enrol(id, { certificate });
    expect([status, body.errors[0].field]).toEqual([400, '/certificate']);
  });
});

test('a request whose sender does not hold the key is refused', async () => {
  const id = await createDevice();
  const { csrDer } = await createCsr({ commonName: 'x' });
  const last = csrDer.length - 1;
  csrDer[last] = (csrDer[last] ?? 0) ^ 1;
  const { status, body } = await enrol(id, { csr: writePem('CERTIFICATE REQUEST', csrDer) });
  expect([status, body.errors[0].field]).toEqual([400, '/csr']);
  const both = await enrol(id, { csr: await csr(), certificate: 'x' });
  expect(both.status).toBe(422);
  expect((await enrol(id, {})).status).toBe(422);
});

test('a withdrawn certificate of ours is blocked, and its key does not come back (abuse row 132)', async () => {
  const id = await createDevice();
  const request = await csr();
  const { body: certificate } = await enrol(id, { csr: request });
  const path = `/v1/devices/${id}/certificates/${certificate.sha256}`;
  expect((await admin.send('DELETE', path)).status).toBe(204);
  expect((await admin.send('DELETE', path)).status).toBe(404);
  expect(await newestOps(admin.database, 'revoke')).toMatchObject([
    { op: 'block', kind: 'certificate', subjectId: certificate.sha256 },
  ]);
  expect(await newestOps(admin.database, 'directory')).toEqual([
    { op: 'deleted_device_certificate', sha256: certificate.sha256 },
  ]);
  const again = await enrol(id, { csr: request });
  expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } });
  const registered = await enrol(await createDevice(), { certificate: certificate.certificate });
  expect(registered.status).toBe(409);
  expect((await enrol(id, { csr: await csr() })).status).toBe(201);
});

test('a deleted device takes its certificates along, in one revision', async () => {
  const id = await createDevice();
  const { body: one } = await enrol(id, { csr: await csr() });
  const { body: two } = await enrol(id, { csr: await csr() });
  expect((await admin.send('DELETE', `/v1/devices/${id}`)).status).toBe(204);
  const ops = await newestOps(admin.database, 'directory');
  expect(ops.at(-1)).toEqual({ op: 'deleted_device', id });
  expect(new Set(ops.slice(0, -1).map((op) => 'sha256' in op && op.sha256))).toEqual(
    new Set([one.sha256, two.sha256]),
  );
  expect(ops).toHaveLength(3);
  expect((await enrol(id, { csr: await csr() })).status).toBe(404);
});

const block = (kind: string, id: string) =>
  admin.send('POST', '/v1/revocations', {
    body: { target: { kind, id }, effect: 'block', reason: 'stolen' },
  });

test('the key of a blocked device is enrolled nowhere, there least of all (abuse row 132)', async () => {
  const [stolen, other] = [await createDevice(), await createDevice()];
  const request = await csr();
  expect((await enrol(stolen, { csr: request })).status).toBe(201);
  expect((await block('device', stolen)).status).toBe(201);
  for (const [id, body] of [
    [stolen, { csr: request }],
    [stolen, { csr: await csr() }],
    [other, { csr: request }],
  ] as const) {
    expect(await enrol(id, body)).toMatchObject({ status: 409, body: { code: 'conflict' } });
  }
  expect((await enrol(other, { csr: await csr() })).status).toBe(201);
});

test('a key does not come back when its blocked device loses it or is deleted', async () => {
  const authority = await createAuthority({ name: 'MDM', days: 10 });
  const [stolen, other] = [await createDevice(), await createDevice()];
  const certificates: string[] = [];
  for (const path of ['certificate', 'device']) {
    const { certificatePem } = await issueWithNewKey(authority, {
      commonName: path,
      usage: 'client',
      days: 5,
    });
    expect((await enrol(stolen, { certificate: certificatePem })).status).toBe(201);
    certificates.push(certificatePem);
  }
  expect((await block('device', stolen)).status).toBe(201);
  const { body: list } = await admin.send('GET', `/v1/devices/${stolen}/certificates`);
  const path = `/v1/devices/${stolen}/certificates/${list.items[0].sha256}`;
  expect((await admin.send('DELETE', path)).status).toBe(204);
  expect((await admin.send('DELETE', `/v1/devices/${stolen}`)).status).toBe(204);
  for (const certificate of certificates) {
    expect((await enrol(other, { certificate })).status).toBe(409);
  }
});

test('the certificates that we issued for a deleted device are blocked', async () => {
  const [id, other] = [await createDevice(), await createDevice()];
  const request = await csr();
  const { body: certificate } = await enrol(id, { csr: request });
  expect((await admin.send('DELETE', `/v1/devices/${id}`)).status).toBe(204);
  expect(await newestOps(admin.database, 'revoke')).toMatchObject([
    { op: 'block', kind: 'certificate', subjectId: certificate.sha256 },
  ]);
  expect((await enrol(other, { csr: request })).status).toBe(409);
});

const hour = (hours: number) => new Date(Date.UTC(2026, 0, 1, hours)).toISOString();
const observe = (id: string, facts: unknown) =>
  admin.send('PUT', `/v1/devices/${id}/posture`, { body: { facts } });

test('what is observed of a device goes out with it, whole and in one order', async () => {
  const id = await createDevice();
  const facts = [
    { name: 'os-version', value: 15.1, observedAt: hour(1) },
    { name: 'disk-encrypted', value: true, observedAt: hour(1) },
    { name: 'os', value: 'macos', observedAt: hour(1) },
  ];
  const { status, body } = await observe(id, facts);
  expect([status, body.posture]).toEqual([200, [facts[1], facts[2], facts[0]]]);
  expect(await newestOps(admin.database, 'directory')).toEqual([
    {
      op: 'device',
      id,
      name: 'laptop',
      managed: false,
      ownerUserId: null,
      posture: [
        { name: 'disk-encrypted', value: true, observedAtMs: Date.parse(hour(1)) },
        { name: 'os', value: 'macos', observedAtMs: Date.parse(hour(1)) },
        { name: 'os-version', value: 15.1, observedAtMs: Date.parse(hour(1)) },
      ],
    },
  ]);
  // What is left out is not known any more; a change of the device leaves it as it is.
  expect((await observe(id, [facts[2]])).body.posture).toEqual([facts[2]]);
  await admin.send('PATCH', `/v1/devices/${id}`, { body: { managed: true } });
  expect((await admin.send('GET', `/v1/devices/${id}`)).body.posture).toEqual([facts[2]]);
  expect((await observe(id, [])).body.posture).toEqual([]);
});

test('an observation does not take the place of a later one, and nothing new goes to no edge', async () => {
  const id = await createDevice();
  const encrypted = (value: boolean, hours: number) => [
    { name: 'disk-encrypted', value, observedAt: hour(hours) },
  ];
  await observe(id, encrypted(false, 2));
  const sent = (await loggedOps(admin.database, 'directory')).length;
  expect((await observe(id, encrypted(true, 1))).body.posture).toEqual(encrypted(false, 2));
  expect((await observe(id, encrypted(false, 2))).status).toBe(200);
  expect(await loggedOps(admin.database, 'directory')).toHaveLength(sent);
  expect((await observe(id, encrypted(true, 3))).body.posture).toEqual(encrypted(true, 3));
});

test('posture that cannot be is refused by name', async () => {
  const id = await createDevice();
  const fact = { name: 'os', value: 'macos', observedAt: hour(1) };
  const ahead = new Date(Date.now() + 3_600_000).toISOString();
  for (const [field, facts] of [
    ['/facts/0/name', [{ ...fact, name: '__proto__' }]],
    ['/facts/0/name', [{ ...fact, name: 'x'.repeat(64) }]],
    ['/facts/1/name', [fact, { ...fact, value: 'linux' }]],
    ['/facts/0/value', [{ ...fact, value: null }]],
    ['/facts/0/value', [{ ...fact, value: 'x'.repeat(257) }]],
    ['/facts/0/value', [{ ...fact, value: 'a\u0000b' }]],
    ['/facts/0/value', [{ ...fact, value: { $gt: 1 } }]],
    ['/facts/0/observedAt', [{ ...fact, observedAt: ahead }]],
    ['/facts/0/observedAt', [{ ...fact, observedAt: 'yesterday' }]],
    ['/facts/0/source', [{ ...fact, source: 'mdm' }]],
    ['/facts', Array.from({ length: 33 }, (_, n) => ({ ...fact, name: `os-${n}` }))],
  ] as const) {
    const { status, body } = await observe(id, facts);
    expect([status, body.errors?.[0]?.field]).toEqual([400, field]);
  }
  expect((await observe(`dev_${'0'.repeat(26)}`, [fact])).status).toBe(404);
});

test('an owner must be a user, and can be taken away', async () => {
  const id = await createDevice();
  const nobody = `usr_${'0'.repeat(26)}`;
  const bad = await admin.send('PATCH', `/v1/devices/${id}`, { body: { ownerUserId: nobody } });
  expect([bad.status, bad.body.errors[0].field]).toEqual([400, '/ownerUserId']);
  const { body: user } = await admin.send('POST', '/v1/users', { body: {} });
  const given = await admin.send('PATCH', `/v1/devices/${id}`, {
    body: { ownerUserId: user.id, managed: true },
  });
  expect(given.body).toMatchObject({ ownerUserId: user.id, managed: true });
  const { body: owned } = await admin.send('GET', `/v1/devices?owner=${user.id}&managed=true`);
  expect(owned.items).toMatchObject([{ id }]);
  const taken = await admin.send('PATCH', `/v1/devices/${id}`, { body: { ownerUserId: null } });
  expect(taken.body.ownerUserId).toBeNull();
});
