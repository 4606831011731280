import { createHash, X509Certificate } from 'node:crypto';
import { newId } from '@sallyport/shared/ids';
import type { Seed } from '@sallyport/shared/init/seed';
import { cookieRingSecret } from '@sallyport/shared/keys/cookie-ring';
import type { EndorsedPurpose } from '@sallyport/shared/keys/root';
import type { Authority } from '@sallyport/shared/pki/issue';
import { type SealKey, seal } from '@sallyport/shared/seal';
import { insertToken } from './admin-tokens.ts';
import type { Database, Executor } from './database.ts';
import {
  findInstallation,
  type InstallationRow,
  insertInstallation,
  insertSigningKey,
  signingKeyContext,
} from './keys.ts';
import type { KeyPurpose } from './schema/index.ts';
import { putSecret, secretContext, secretRefOp } from './secrets.ts';
import { type Actor, type WriteTx, write } from './write.ts';

const actor: Actor = {
  kind: 'system',
  id: 'seed',
  label: 'first start',
  requestId: '',
  sourceAddress: '',
};

/**
 * Takes in what `sallyport init` made, in one transaction. Of replicas that start together one does
 * it; where there is an installation already, nothing happens.
 */
export async function importSeed(
  database: Database,
  seed: Seed,
  sealKey: SealKey,
  nowMs: number,
): Promise<InstallationRow> {
  const action = { verb: 'create', resource: 'installation', resourceId: seed.trustDomain };
  const { result } = await write(
    database,
    actor,
    action,
    async (tx) => {
      const installation: Omit<InstallationRow, 'id'> = {
        trustDomain: seed.trustDomain,
        rootPublicKey: seed.rootPublicKey,
        createdAtMs: nowMs,
      };
      // The one row decides who imports: a second replica waits here and then sees it.
      if (await insertInstallation(tx.db, installation)) await importKeys(tx, seed, sealKey);
      return findInstallation(tx.db);
    },
    { nowMs },
  );
  if (result === null) throw new Error('the installation was written and is not there');
  return result;
}

async function importKeys(tx: WriteTx, seed: Seed, sealKey: SealKey): Promise<void> {
  for (const { key, privateKeyPem } of seed.signingKeys) {
    const { op: _, ...fields } = key;
    await insertSigningKey(tx.db, {
      ...fields,
      purpose: key.purpose as EndorsedPurpose,
      sealedPrivateKey: sealKeyOf(sealKey, key.keyId, privateKeyPem),
      certificatePem: null,
      createdAtMs: tx.nowMs,
    });
    tx.emit('config', key);
  }
  for (const [name, authority] of Object.entries(seed.authorities)) {
    await importAuthority(
      tx.db,
      `${name as keyof Seed['authorities']}-ca`,
      authority,
      sealKey,
      tx.nowMs,
    );
  }
  await importCookieRing(tx, seed.cookieRing, sealKey);
  await insertToken(tx.db, {
    id: newId('tok'),
    tokenHash: seed.ownerTokenSha256,
    role: 'owner',
    label: 'first owner',
    createdBy: actor.id,
    createdAtMs: tx.nowMs,
    expiresAtMs: null,
  });
}

async function importAuthority(
  db: Executor,
  purpose: KeyPurpose,
  authority: Authority,
  sealKey: SealKey,
  nowMs: number,
): Promise<void> {
  const certificate = new X509Certificate(authority.certificatePem);
  const keyId = `${purpose}-${certificate.fingerprint256.replaceAll(':', '').toLowerCase().slice(0, 16)}`;
  await insertSigningKey(db, {
    keyId,
    purpose,
    publicKey: certificate.publicKey.export({ type: 'spki', format: 'der' }),
    sealedPrivateKey: sealKeyOf(sealKey, keyId, authority.privateKeyPem),
    certificatePem: authority.certificatePem,
    rootSignature: null,
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
    createdAtMs: nowMs,
  });
}

async function importCookieRing(tx: WriteTx, value: string, sealKey: SealKey): Promise<void> {
  const bytes = Buffer.from(value, 'utf8');
  const secret = {
    id: cookieRingSecret,
    holder: 'edge' as const,
    version: 1,
    sealedValue: seal(sealKey, bytes, secretContext(cookieRingSecret, 1)),
    sha256: new Uint8Array(createHash('sha256').update(bytes).digest()),
  };
  await putSecret(tx.db, secret, tx.nowMs);
  tx.emit('config', secretRefOp(secret));
}

function sealKeyOf(sealKey: SealKey, keyId: string, privateKeyPem: string): Uint8Array {
  return seal(sealKey, Buffer.from(privateKeyPem, 'utf8'), signingKeyContext(keyId));
}
