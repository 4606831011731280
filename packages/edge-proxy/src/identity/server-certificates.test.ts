import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@sallyport/shared/log';
import { forge, serverPurpose } from '@sallyport/shared/pki/forge';
import {
  type Authority,
  type CertificateOrder,
  createAuthority,
  issueWithNewKey,
} from '@sallyport/shared/pki/issue';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServerCertificate } from '../state/current.ts';
import { readServerCertificates, watchServerCertificates } from './server-certificates.ts';

let dir: string;
let authority: Authority;
let good: ServerCertificate;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-certificates-'));
  authority = await createAuthority({ name: 'public', days: 10 });
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  // Whatever the test before made of them.
  for (const path of [certificate(), key()]) await rm(path, { recursive: true, force: true });
  good = await put(await issued());
});

const certificate = () => join(dir, 'listener.pem');
const key = () => join(dir, 'listener.key.pem');
const files = () => [{ certificate: certificate(), key: key() }];

async function issued(more: Partial<CertificateOrder> = {}): Promise<ServerCertificate> {
  const order = { commonName: 'a', dns: ['a.corp.test'], usage: 'server', days: 1 } as const;
  return issueWithNewKey(authority, { ...order, ...more });
}

async function put({ certificatePem, privateKeyPem }: ServerCertificate) {
  await writeFile(certificate(), certificatePem);
  await writeFile(key(), privateKeyPem);
  return { certificatePem, privateKeyPem };
}

/** A certificate that is all right but for its key. */
function weak(): ServerCertificate {
  const keys = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const { pem } = forge({ keys, purposes: [serverPurpose] });
  const privateKeyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { certificatePem: pem, privateKeyPem };
}

async function asPipe(path: string) {
  await rm(path);
  execFileSync('mkfifo', [path]);
}

async function asFolder(path: string) {
  await rm(path);
  await mkdir(path);
}

const html = '<!doctype html><title>502 Bad Gateway</title>';
const half = (text: string) => text.slice(0, text.length / 2);
const bad: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['is deleted', () => rm(certificate())],
  ['has no key any more', () => rm(key())],
  ['is empty', () => writeFile(certificate(), '')],
  ['is cut in the middle', () => writeFile(certificate(), half(good.certificatePem))],
  ['has a key that is cut', () => writeFile(key(), half(good.privateKeyPem))],
  ['is DER', () => writeFile(certificate(), new X509Certificate(good.certificatePem).raw)],
  ['is a page of HTML', () => writeFile(certificate(), html)],
  ['has a page of HTML for its key', () => writeFile(key(), html)],
  ['has the key of another', async () => writeFile(key(), (await issued()).privateKeyPem)],
  ['has a key that is too weak for the listener', () => put(weak())],
  ['is a pipe that nobody writes into', () => asPipe(certificate())],
  ['has a pipe for its key', () => asPipe(key())],
  ['is a folder', () => asFolder(certificate())],
  ['is larger than any', () => truncate(certificate(), 2 ** 33)],
];

describe('a certificate of the public listener', () => {
  it.each(bad)('that %s starts no edge (row 19)', async (_name, spoil) => {
    expect(readServerCertificates(files())).toEqual({ certificates: [good], problems: [] });
    await spoil();
    const { certificates, problems } = readServerCertificates(files());
    expect([certificates, problems.length]).toEqual([[], 1]);
    expect(problems[0]).toContain(certificate());
  });

  it.each(bad)(
    'that %s leaves the last good one, and is counted (row 19)',
    async (_name, spoil) => {
      const taken: (readonly ServerCertificate[])[] = [];
      const lines: string[] = [];
      const watch = watchServerCertificates(
        files(),
        (read) => taken.push(read),
        createLog('info', {}, (line) => lines.push(line)),
        60_000,
        Date.now,
      );
      await spoil();
      watch.look();
      watch.look();
      expect([taken, watch.failures]).toEqual([[], 1]);
      expect(lines.filter((line) => line.includes('certificates_unusable'))).toHaveLength(1);
      expect(lines.join('\n')).not.toContain('PRIVATE KEY');
      await rm(certificate(), { recursive: true, force: true });
      await rm(key(), { recursive: true, force: true });
      const renewed = await put(await issued());
      watch.look();
      expect([taken, watch.failures]).toEqual([[[renewed]], 1]);
      watch.stop();
    },
  );

  const dayMs = 86_400_000;
  it.each([
    ['has expired', { notBefore: new Date(Date.now() - 2 * dayMs), days: 1 }, false],
    ['is not valid yet', { notBefore: new Date(Date.now() + dayMs), days: 2 }, true],
  ])(
    'that %s takes the place of none that is in use until it is valid (row 19)',
    async (_name, order, ever) => {
      const taken: (readonly ServerCertificate[])[] = [];
      let nowMs = Date.now();
      const watch = watchServerCertificates(
        files(),
        (read) => taken.push(read),
        createLog('info', {}, () => undefined),
        60_000,
        () => nowMs,
      );
      const other = await put(await issued(order));
      watch.look();
      watch.look();
      expect([taken, watch.failures]).toEqual([[], 1]);
      nowMs += 1.5 * dayMs;
      watch.look();
      expect(taken).toEqual(ever ? [[other]] : []);
      watch.stop();
    },
  );
});
