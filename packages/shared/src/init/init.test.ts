import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseCookieRing } from '../keys/cookie-ring.ts';
import { isKeyLive, sessionStatementPurpose, verifySigningKey } from '../keys/root.ts';
import { hashToken, isToken } from '../keys/tokens.ts';
import { inspectCertificate } from '../pki/certificate.ts';
import { newKeyFileText, open, parseKeyFile, readKeyFile, seal } from '../seal.ts';
import { signingPurposes } from '../sync/signing.ts';
import { createInstallation, type Installation } from './installation.ts';
import { parseSeed, readSeed } from './seed.ts';

const nowMs = Date.parse('2026-11-22T12:00:00Z');
const dayMs = 86_400_000;
const options = { trustDomain: 'corp.example', nowMs };
const installation = await createInstallation(options);
const directories: string[] = [];
afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true });
});

function contents({ files }: Installation, path: string): string {
  const file = files.find((one) => one.path === path);
  if (file === undefined) throw new Error(`no file ${path}`);
  return file.contents;
}

async function write({ files }: Installation): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-init-'));
  directories.push(directory);
  for (const { path, mode, contents: text } of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text, { mode });
  }
  return directory;
}

describe('a new installation', () => {
  it('has these files, and only its owner may read the secret ones', () => {
    expect(installation.files.map(({ path, mode }) => `${path} ${mode.toString(8)}`)).toEqual([
      'root.key.pem 600',
      'root.pub.pem 644',
      'key-file 600',
      'seed.json 600',
      'ca/edge.pem 644',
      'ca/upstream.pem 644',
      'ca/device.pem 644',
      'ca/admin.pem 644',
      'admin/server.pem 644',
      'admin/server.key.pem 600',
      'owner-token 600',
    ]);
  });

  it('keeps every private key and the owner token out of what everybody may read', () => {
    for (const { mode, contents: text } of installation.files) {
      if (mode !== 0o644) continue;
      expect(text).not.toContain('PRIVATE KEY');
      expect(text).not.toContain(installation.ownerToken);
    }
    expect(contents(installation, 'seed.json')).not.toMatch(/PRIVATE|BEGIN/);
  });

  it('is read back by the control plane, whole', async () => {
    const seed = await readSeed(await write(installation));
    expect(seed.trustDomain).toBe('corp.example');
    expect(isToken('adm', installation.ownerToken)).toBe(true);
    expect(Buffer.from(hashToken(installation.ownerToken))).toEqual(
      Buffer.from(seed.ownerTokenSha256),
    );
    expect(parseCookieRing(seed.cookieRing)?.keys.size).toBe(1);
    for (const name of ['edge', 'upstream', 'device', 'admin'] as const) {
      const { certificatePem, privateKeyPem } = seed.authorities[name];
      expect(contents(installation, `ca/${name}.pem`)).toBe(certificatePem);
      const info = inspectCertificate(certificatePem);
      expect(info).toMatchObject({ isCa: true, notAfterMs: nowMs + 3650 * dayMs });
      const x509 = new X509Certificate(certificatePem);
      expect(x509.checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true);
    }
  });

  it('has a key for statements, and for each lane and heartbeats two that take turns', async () => {
    const { signingKeys, rootPublicKey } = await readSeed(await write(installation));
    expect(signingKeys.every(({ key }) => verifySigningKey(key, rootPublicKey))).toBe(true);
    const live = (purpose: string, days: number): number =>
      signingKeys.filter(({ key }) => isKeyLive(key, purpose, nowMs + days * dayMs)).length;
    for (const purpose of signingPurposes) {
      expect([0, 14, 16, 29, 31, 44, 46].map((days) => live(purpose, days))).toEqual([
        1, 1, 2, 2, 1, 1, 0,
      ]);
    }
    expect([0, 396, 398].map((days) => live(sessionStatementPurpose, days))).toEqual([1, 1, 0]);
    expect(signingKeys).toHaveLength(1 + 2 * signingPurposes.length);
  });

  it('has an admin certificate for the hosts that were asked for', async () => {
    const server = new X509Certificate(contents(installation, 'admin/server.pem'));
    expect(
      server.verify(new X509Certificate(contents(installation, 'ca/admin.pem')).publicKey),
    ).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
    const key = createPrivateKey(contents(installation, 'admin/server.key.pem'));
    expect(server.checkPrivateKey(key)).toBe(true);
    const other = await createInstallation({
      ...options,
      adminHosts: ['admin.corp.example', '::1'],
      days: 30,
    });
    expect(inspectCertificate(contents(other, 'admin/server.pem'))).toMatchObject({
      dnsNames: ['admin.corp.example'],
      ipAddresses: ['0:0:0:0:0:0:0:1'],
      hasServerAuth: true,
      hasClientAuth: false,
      notAfterMs: nowMs + 30 * dayMs,
    });
  });

  it('shares nothing with another one', async () => {
    const other = await createInstallation(options);
    const same = other.files.filter((file) =>
      installation.files.some(({ contents: text }) => text === file.contents),
    );
    expect(same).toEqual([]);
  });

  it.each([
    [{ trustDomain: 'Corp.example' }, 'trustDomain'],
    [{ trustDomain: '' }, 'trustDomain'],
    [{ trustDomain: 'a/b' }, 'trustDomain'],
    [{ adminHosts: ['ok.example', 'a b'] }, 'adminHosts'],
    [{ days: 0 }, 'days'],
    [{ days: 1.5 }, 'days'],
  ])('is refused with %j', async (change, field) => {
    await expect(createInstallation({ ...options, ...change })).rejects.toMatchObject({
      code: 'invalid_request',
      problems: [{ field }],
    });
  });
});

describe('a seed', () => {
  const key = parseKeyFile(contents(installation, 'key-file'));
  const text = contents(installation, 'seed.json');
  const refused = (code: string) => expect.objectContaining({ code }) as Error;

  it('does not open with another key file', async () => {
    expect(() => parseSeed(text, parseKeyFile(newKeyFileText()))).toThrow(
      refused('sealed_value_unreadable'),
    );
    const directory = await write(installation);
    await writeFile(join(directory, 'key-file'), newKeyFileText());
    await expect(readSeed(directory)).rejects.toMatchObject({ code: 'sealed_value_unreadable' });
  });

  it('is refused when it or its key file is missing', async () => {
    const directory = await write(installation);
    await rm(join(directory, 'seed.json'));
    await expect(readSeed(directory)).rejects.toMatchObject({ code: 'seed_invalid' });
    await rm(join(directory, 'key-file'));
    await expect(readSeed(directory)).rejects.toMatchObject({ code: 'key_file_invalid' });
    expect((await readKeyFile(join(await write(installation), 'key-file'))).keys).toHaveLength(1);
  });

  it.each([
    '',
    'null',
    '{}',
    '{"format":"sallyport-seed-1","sealed":"AAAA"}',
    `${text.slice(0, -3)}`,
  ])('is refused when it is %.60j', (broken) => {
    expect(() => parseSeed(broken, key)).toThrow(refused('seed_invalid'));
  });

  interface Parts extends Record<string, unknown> {
    readonly authorities: Record<'edge' | 'device', { privateKeyPem: string }>;
    readonly signingKeys: object[];
  }

  /** The seed with a change made by somebody who has the key file. */
  const changed = (change: (seed: Parts) => void): string => {
    const { format, sealed } = JSON.parse(text) as { format: string; sealed: string };
    const plain = open(key, Buffer.from(sealed, 'base64url'), format);
    const seed = JSON.parse(new TextDecoder().decode(plain)) as Parts;
    change(seed);
    const again = seal(key, new TextEncoder().encode(JSON.stringify(seed)), format);
    return JSON.stringify({ format, sealed: Buffer.from(again).toString('base64url') });
  };

  it('is accepted again when it was sealed again unchanged', () => {
    expect(
      parseSeed(
        changed(() => undefined),
        key,
      ).trustDomain,
    ).toBe('corp.example');
  });

  it.each<[string, (seed: Parts) => void]>([
    ['an unknown field', (seed) => Object.assign(seed, { extra: 1 })],
    ['no owner', (seed) => delete seed['ownerTokenSha256']],
    [
      'a key for another purpose',
      ({ signingKeys }) => Object.assign(signingKeys[0] ?? {}, { purpose: 'lane-revoke' }),
    ],
    [
      'half a key',
      ({ signingKeys }) => Object.assign(signingKeys[1] ?? {}, { privateKeyPem: 'x' }),
    ],
    ['no key for statements', ({ signingKeys }) => signingKeys.splice(0, 1)],
    ['no keys for heartbeats', ({ signingKeys }) => signingKeys.splice(-2)],
    ['a key twice', ({ signingKeys }) => signingKeys.push(signingKeys[1] ?? {})],
    [
      'an authority with the key of another',
      ({ authorities: { edge, device } }) =>
        Object.assign(edge, { privateKeyPem: device.privateKeyPem }),
    ],
    [
      'an end certificate for an authority',
      ({ authorities: { edge } }) =>
        Object.assign(edge, { certificatePem: contents(installation, 'admin/server.pem') }),
    ],
    ['a cookie ring that is none', (seed) => Object.assign(seed, { cookieRing: '{}' })],
    ['another trust domain', (seed) => Object.assign(seed, { trustDomain: 'A B' })],
  ])('is refused with %s', (_, change) => {
    expect(() => parseSeed(changed(change), key)).toThrow(refused('seed_invalid'));
  });
});
