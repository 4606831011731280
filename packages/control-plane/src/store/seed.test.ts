import { createInstallation } from '@sallyport/shared/init/installation';
import { parseSeed, type Seed } from '@sallyport/shared/init/seed';
import { parseCookieRing } from '@sallyport/shared/keys/cookie-ring';
import { rawPublicKey } from '@sallyport/shared/keys/ed25519';
import { endorsedPurposes, verifySigningKey } from '@sallyport/shared/keys/root';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { newKeyFileText, open, parseKeyFile, type SealKey } from '@sallyport/shared/seal';
import { signingPurposes } from '@sallyport/shared/sync/signing';
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../testing/database.ts';
import { loggedOps } from '../testing/log-ops.ts';
import type { Database } from './database.ts';
import { findCurrentKey, loadAuthority } from './keys.ts';
import { adminTokens } from './schema/index.ts';
import { findSecret, secretContext } from './secrets.ts';
import { importSeed } from './seed.ts';
import { loadSyncKeys } from './sync-keys.ts';

let database: Database;
let sealKey: SealKey;
let seed: Seed;
const nowMs = Date.now();

beforeAll(async () => {
  ({ database } = await testDatabase());
  const { files } = await createInstallation({ trustDomain: 'corp.test', nowMs });
  const text = (path: string): string => files.find((file) => file.path === path)?.contents ?? '';
  sealKey = parseKeyFile(text('key-file'));
  seed = parseSeed(text('seed.json'), sealKey);
});

test('of replicas that start together one takes the seed in, and all know the installation', async () => {
  const rows = await Promise.all([1, 2, 3].map(() => importSeed(database, seed, sealKey, nowMs)));
  for (const row of rows) expect(row.trustDomain).toBe('corp.test');
  expect(await database.db.$count(adminTokens)).toBe(1);
  const ops = (await loggedOps(database, 'config')).flat();
  const keys = Array.from({ length: seed.signingKeys.length }, () => 'signing_key');
  expect(ops.map((op) => op.op)).toEqual([...keys, 'secret_ref']);
});

test('edges are told the keys with the word of the root, and the ring without its value', async () => {
  const ops = (await loggedOps(database, 'config')).flat();
  const keys = ops.filter((op) => op.op === 'signing_key');
  expect(new Set(keys.map((key) => key.purpose))).toEqual(new Set(endorsedPurposes));
  expect(keys.every((key) => verifySigningKey(key, seed.rootPublicKey))).toBe(true);
  const ref = ops.at(-1);
  if (ref?.op !== 'secret_ref') throw new Error('other ops');
  expect([ref.id, ref.version]).toEqual(['cookie-ring', 1]);
  const row = await findSecret(database.db, 'cookie-ring');
  const value = open(
    sealKey,
    row?.sealedValue ?? new Uint8Array(),
    secretContext('cookie-ring', 1),
  );
  expect(parseCookieRing(Buffer.from(value).toString('utf8'))).not.toBeNull();
});

test('replicas sign with the private halves, and with the right key file only', async () => {
  const keys = await loadSyncKeys(database.db, sealKey, nowMs);
  expect(keys).toHaveLength(2 * signingPurposes.length);
  for (const { key, privateKey } of keys) expect(rawPublicKey(privateKey)).toEqual(key.publicKey);
  expect(await loadSyncKeys(database.db, sealKey, nowMs + 31 * 86_400_000)).toHaveLength(
    signingPurposes.length,
  );
  const wrong = parseKeyFile(newKeyFileText());
  await expect(loadSyncKeys(database.db, wrong, nowMs)).rejects.toMatchObject({
    code: 'sealed_value_unreadable',
  });
});

test('each authority issues with the key it came with, and with the right key file only', async () => {
  for (const name of ['edge', 'upstream', 'device', 'admin'] as const) {
    const authority = await loadAuthority(database.db, `${name}-ca`, sealKey, Date.now());
    expect(authority).toEqual(seed.authorities[name]);
    const row = await findCurrentKey(database.db, `${name}-ca`, Date.now());
    const info = inspectCertificate(authority.certificatePem);
    expect([row?.notBeforeMs, row?.notAfterMs]).toEqual([info?.notBeforeMs, info?.notAfterMs]);
  }
  const wrong = parseKeyFile(newKeyFileText());
  await expect(loadAuthority(database.db, 'edge-ca', wrong, Date.now())).rejects.toMatchObject({
    code: 'sealed_value_unreadable',
  });
});
