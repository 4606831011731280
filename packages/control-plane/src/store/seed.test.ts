import { createInstallation } from '@sallyport/shared/init/installation';
import { parseSeed, type Seed } from '@sallyport/shared/init/seed';
import { parseCookieRing } from '@sallyport/shared/keys/cookie-ring';
import { verifySigningKey } from '@sallyport/shared/keys/root';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { newKeyFileText, open, parseKeyFile, type SealKey } from '@sallyport/shared/seal';
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../testing/database.ts';
import { loggedOps } from '../testing/log-ops.ts';
import type { Database } from './database.ts';
import { findCurrentKey, loadAuthority } from './keys.ts';
import { adminTokens } from './schema/index.ts';
import { findSecret, secretContext } from './secrets.ts';
import { importSeed } from './seed.ts';

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
  expect(ops.map((op) => op.op)).toEqual(['signing_key', 'secret_ref']);
});

test('edges are told the statement key with the word of the root, and the ring without its value', async () => {
  const [key, ref] = (await loggedOps(database, 'config')).flat();
  if (key?.op !== 'signing_key' || ref?.op !== 'secret_ref') throw new Error('other ops');
  expect(verifySigningKey(key, seed.rootPublicKey)).toBe(true);
  expect([ref.id, ref.version]).toEqual(['cookie-ring', 1]);
  const row = await findSecret(database.db, 'cookie-ring');
  const value = open(
    sealKey,
    row?.sealedValue ?? new Uint8Array(),
    secretContext('cookie-ring', 1),
  );
  expect(parseCookieRing(Buffer.from(value).toString('utf8'))).not.toBeNull();
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
