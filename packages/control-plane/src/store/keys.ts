import { SallyportError } from '@sallyport/shared/errors';
import { type EndorsedPurpose, endorsedPurposes } from '@sallyport/shared/keys/root';
import type { Authority } from '@sallyport/shared/pki/issue';
import { open, type SealKey } from '@sallyport/shared/seal';
import type { SigningKey } from '@sallyport/shared/state/model';
import { and, asc, desc, eq, gt, isNotNull, isNull, lte } from 'drizzle-orm';
import type { Executor } from './database.ts';
import {
  type AuthorityPurpose,
  installation,
  type KeyPurpose,
  signingKeys,
} from './schema/index.ts';

export type SigningKeyRow = typeof signingKeys.$inferSelect;
export type InstallationRow = typeof installation.$inferSelect;

/** What `sallyport init` decided, or null before the seed was imported. */
export async function findInstallation(db: Executor): Promise<InstallationRow | null> {
  const [row] = await db.select().from(installation).limit(1);
  return row ?? null;
}

/** False: there is one already. */
export async function insertInstallation(
  db: Executor,
  row: Omit<InstallationRow, 'id'>,
): Promise<boolean> {
  const inserted = await db
    .insert(installation)
    .values({ id: 1, ...row })
    .onConflictDoNothing()
    .returning({ id: installation.id });
  return inserted.length > 0;
}

export async function insertSigningKey(
  db: Executor,
  row: typeof signingKeys.$inferInsert,
): Promise<void> {
  await db.insert(signingKeys).values(row);
}

/** The key to sign with now: of those that hold, the one that began last. */
export async function findCurrentKey(
  db: Executor,
  purpose: KeyPurpose,
  nowMs: number,
): Promise<SigningKeyRow | null> {
  const [row] = await db
    .select()
    .from(signingKeys)
    .where(
      and(
        eq(signingKeys.purpose, purpose),
        lte(signingKeys.notBeforeMs, nowMs),
        gt(signingKeys.notAfterMs, nowMs),
        isNull(signingKeys.withdrawnAtMs),
      ),
    )
    .orderBy(desc(signingKeys.notBeforeMs), desc(signingKeys.keyId))
    .limit(1);
  return row ?? null;
}

/** All keys of a purpose that do or will hold, the one that began last first. */
export async function findKeys(
  db: Executor,
  purpose: KeyPurpose,
  nowMs: number,
): Promise<SigningKeyRow[]> {
  return db
    .select()
    .from(signingKeys)
    .where(
      and(
        eq(signingKeys.purpose, purpose),
        gt(signingKeys.notAfterMs, nowMs),
        isNull(signingKeys.withdrawnAtMs),
      ),
    )
    .orderBy(desc(signingKeys.notBeforeMs), desc(signingKeys.keyId));
}

/** All keys that the root key vouches for, expired ones too, but none withdrawn, by key id. */
export async function findEndorsedKeys(db: Executor): Promise<SigningKeyRow[]> {
  return (await findAllEndorsedKeys(db)).filter((row) => row.withdrawnAtMs === null);
}

/** As above, and those that were withdrawn. */
export async function findAllEndorsedKeys(db: Executor): Promise<SigningKeyRow[]> {
  return db
    .select()
    .from(signingKeys)
    .where(isNotNull(signingKeys.rootSignature))
    .orderBy(asc(signingKeys.keyId));
}

/**
 * All endorsed keys of the purpose of this one, locked until the transaction ends, so that two
 * withdrawals cannot each rely on the key of the other; none where there is no such key.
 */
export async function lockKeysBeside(db: Executor, keyId: string): Promise<SigningKeyRow[]> {
  const [row] = await db.select().from(signingKeys).where(eq(signingKeys.keyId, keyId));
  if (row === undefined || row.rootSignature === null) return [];
  return db
    .select()
    .from(signingKeys)
    .where(eq(signingKeys.purpose, row.purpose))
    .orderBy(asc(signingKeys.keyId))
    .for('update');
}

/** Marks the key: from here on nothing finds it to sign with or to tell of it. */
export async function markWithdrawn(db: Executor, keyId: string, nowMs: number): Promise<void> {
  await db.update(signingKeys).set({ withdrawnAtMs: nowMs }).where(eq(signingKeys.keyId, keyId));
}

/** When the last key of each endorsed purpose ends; 0 where there is none. */
export async function readKeyEnds(
  db: Executor,
): Promise<{ readonly purpose: EndorsedPurpose; readonly endsAtMs: number }[]> {
  const keys = await findEndorsedKeys(db);
  return endorsedPurposes.map((purpose) => ({
    purpose,
    endsAtMs: Math.max(
      0,
      ...keys.filter((key) => key.purpose === purpose).map((key) => key.notAfterMs),
    ),
  }));
}

/** What a private half is sealed with (shared/seal.ts). */
export function signingKeyContext(keyId: string): string {
  return `signing-key:${keyId}`;
}

/** The authority that issues now. Throws where there is none: init makes one of each. */
export async function loadAuthority(
  db: Executor,
  purpose: AuthorityPurpose,
  sealKey: SealKey,
  nowMs: number,
): Promise<Authority> {
  const row = await findCurrentKey(db, purpose, nowMs);
  if (row === null || row.certificatePem === null) {
    throw new SallyportError('internal', `there is no ${purpose} that holds now`);
  }
  const privateKey = open(sealKey, row.sealedPrivateKey, signingKeyContext(row.keyId));
  return {
    certificatePem: row.certificatePem,
    privateKeyPem: Buffer.from(privateKey).toString('utf8'),
  };
}

/** The op that makes a root-endorsed key known to edges; null for keys that are not theirs. */
export function signingKeyOp(row: SigningKeyRow): SigningKey | null {
  if (row.rootSignature === null) return null;
  return {
    op: 'signing_key',
    keyId: row.keyId,
    purpose: row.purpose,
    publicKey: row.publicKey,
    notBeforeMs: row.notBeforeMs,
    notAfterMs: row.notAfterMs,
    rootSignature: row.rootSignature,
  };
}
