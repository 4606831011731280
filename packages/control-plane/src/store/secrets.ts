import { open, type SealKey } from '@sallyport/shared/seal';
import type { SecretRef } from '@sallyport/shared/state/model';
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { type SecretHolder, secrets } from './schema/index.ts';

export type SecretRow = typeof secrets.$inferSelect;

export async function findSecret(db: Executor, id: string): Promise<SecretRow | null> {
  const [row] = await db.select().from(secrets).where(eq(secrets.id, id));
  return row ?? null;
}

/** The secret, locked: its next version is this one's and 1. */
export async function lockSecret(db: Executor, id: string): Promise<SecretRow | null> {
  const [row] = await db.select().from(secrets).where(eq(secrets.id, id)).for('update');
  return row ?? null;
}

/** Those of `ids` that this holder may have. */
export async function findSecretsOf(
  db: Executor,
  holder: SecretHolder,
  ids: readonly string[],
): Promise<SecretRow[]> {
  if (ids.length === 0) return [];
  return db
    .select()
    .from(secrets)
    .where(and(eq(secrets.holder, holder), inArray(secrets.id, [...ids])));
}

/** Secrets without their values. */
export async function listSecrets(
  db: Executor,
  page: PageRequest,
): Promise<Omit<SecretRow, 'sealedValue'>[]> {
  return db
    .select({
      id: secrets.id,
      holder: secrets.holder,
      version: secrets.version,
      sha256: secrets.sha256,
      createdAtMs: secrets.createdAtMs,
      updatedAtMs: secrets.updatedAtMs,
    })
    .from(secrets)
    .where(afterCursor(page, secrets.createdAtMs, secrets.id))
    .orderBy(...newestFirst(secrets.createdAtMs, secrets.id))
    .limit(page.limit + 1);
}

/** Makes writers of a secret take turns, also of one that is not there yet. */
export async function holdSecret(db: Executor, id: string): Promise<void> {
  await db.execute(
    sql`select pg_advisory_xact_lock(hashtext('sallyport.secret'), hashtext(${id}))`,
  );
}

/** Writes a version of a secret. The caller emits `secretRefOp` where edges hold it. */
export async function putSecret(
  db: Executor,
  row: Omit<SecretRow, 'createdAtMs' | 'updatedAtMs'>,
  nowMs: number,
): Promise<void> {
  const { version, sealedValue, sha256 } = row;
  await db
    .insert(secrets)
    .values({ ...row, createdAtMs: nowMs, updatedAtMs: nowMs })
    .onConflictDoUpdate({
      target: secrets.id,
      set: { version, sealedValue, sha256, updatedAtMs: nowMs },
    });
}

export async function deleteSecret(db: Executor, id: string): Promise<SecretHolder | null> {
  const [row] = await db
    .delete(secrets)
    .where(eq(secrets.id, id))
    .returning({ holder: secrets.holder });
  return row?.holder ?? null;
}

export function secretRefOp(row: Pick<SecretRow, 'id' | 'version' | 'sha256'>): SecretRef {
  return { op: 'secret_ref', id: row.id, version: row.version, sha256: row.sha256 };
}

/** What a secret's value is sealed with (shared/seal.ts). */
export function secretContext(id: string, version: number): string {
  return `secret:${id}:${version}`;
}

/** The value of a secret of the control plane; null: there is none of this name. */
export async function readSecretText(
  db: Executor,
  sealKey: SealKey,
  id: string,
): Promise<string | null> {
  const secret = await findSecret(db, id);
  if (secret === null || secret.holder !== 'control-plane') return null;
  const value = open(sealKey, secret.sealedValue, secretContext(secret.id, secret.version));
  return Buffer.from(value).toString('utf8');
}
