import { newId } from '@sallyport/shared/ids';
import type { Block, BlockKind, LiftedBlock } from '@sallyport/shared/state/model';
import { and, eq, not, or, type SQL, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { deviceCertificates, type RevocationTarget, revocations } from './schema/index.ts';

export type RevocationRow = typeof revocations.$inferSelect;

type NewRevocation = Omit<
  typeof revocations.$inferInsert,
  'id' | 'liftedAtMs' | 'liftedBy' | 'leftLaneAtMs'
>;

export async function insertRevocation(
  db: Executor,
  revocation: NewRevocation,
): Promise<RevocationRow> {
  const [row] = await db
    .insert(revocations)
    .values({ id: newId('rev'), ...revocation })
    .returning();
  if (row === undefined) throw new Error('a revocation was not written');
  return row;
}

export async function findRevocation(db: Executor, id: string): Promise<RevocationRow | null> {
  const [row] = await db.select().from(revocations).where(eq(revocations.id, id));
  return row ?? null;
}

/** The revocation, locked: two lifts of it take turns. */
export async function lockRevocation(db: Executor, id: string): Promise<RevocationRow | null> {
  const [row] = await db.select().from(revocations).where(eq(revocations.id, id)).for('update');
  return row ?? null;
}

/** Marks a block as lifted. Whoever finds `leftLaneAtMs` null in the locked row emits `liftedOp`. */
export async function markLifted(
  db: Executor,
  id: string,
  liftedBy: string,
  nowMs: number,
): Promise<void> {
  await db
    .update(revocations)
    .set({
      liftedAtMs: nowMs,
      liftedBy,
      leftLaneAtMs: sql`coalesce(${revocations.leftLaneAtMs}, ${nowMs}::bigint)`,
    })
    .where(eq(revocations.id, id));
}

export interface RevocationFilter {
  readonly kind?: RevocationTarget;
  readonly id?: string;
  /** Blocks in force; false: all that are not. */
  readonly active?: boolean;
}

export async function listRevocations(
  db: Executor,
  filter: RevocationFilter,
  page: PageRequest,
  nowMs: number,
): Promise<RevocationRow[]> {
  const { kind, id, active } = filter;
  const inForce = blockInForce(nowMs);
  return db
    .select()
    .from(revocations)
    .where(
      and(
        kind === undefined ? undefined : eq(revocations.target, kind),
        id === undefined ? undefined : eq(revocations.subjectId, id),
        active === undefined ? undefined : active ? inForce : not(inForce),
        afterCursor(page, revocations.createdAtMs, revocations.id),
      ),
    )
    .orderBy(...newestFirst(revocations.createdAtMs, revocations.id))
    .limit(page.limit + 1);
}

/** Whether the certificate, or another one with its key, is blocked. */
export async function isCertificateBlocked(
  db: Executor,
  sha256: string,
  keySha256: string,
  nowMs: number,
): Promise<boolean> {
  const [row] = await db
    .select({ id: revocations.id })
    .from(revocations)
    .where(
      and(
        eq(revocations.target, 'certificate'),
        or(eq(revocations.subjectId, sha256), eq(revocations.subjectKeySha256, keySha256)),
        blockInForce(nowMs),
      ),
    )
    .limit(1);
  return row !== undefined;
}

/** Whether a device is blocked that has a certificate with this key. */
export async function isKeyOfBlockedDevice(
  db: Executor,
  keySha256: string,
  nowMs: number,
): Promise<boolean> {
  const [row] = await db
    .select({ id: revocations.id })
    .from(revocations)
    .innerJoin(deviceCertificates, eq(deviceCertificates.deviceId, revocations.subjectId))
    .where(
      and(
        eq(revocations.target, 'device'),
        eq(deviceCertificates.keySha256, keySha256),
        blockInForce(nowMs),
      ),
    )
    .limit(1);
  return row !== undefined;
}

/** Whether the subject is blocked. Sign-in asks after `holdGenerations`, edges' calls ask as is. */
export async function isBlocked(
  db: Executor,
  kind: BlockKind,
  subjectId: string,
  nowMs: number,
): Promise<boolean> {
  const [row] = await db
    .select({ id: revocations.id })
    .from(revocations)
    .where(
      and(eq(revocations.target, kind), eq(revocations.subjectId, subjectId), blockInForce(nowMs)),
    )
    .limit(1);
  return row !== undefined;
}

/** The op that puts a revocation with effect `block` into force. */
export function blockOp(row: RevocationRow): Block {
  if (row.effect !== 'block' || row.target === 'session') {
    throw new Error(`revocation ${row.id} is not a block`);
  }
  return {
    op: 'block',
    revocationId: row.id,
    kind: row.target,
    subjectId: row.subjectId,
    expiresAtMs: row.expiresAtMs,
  };
}

/** The op that takes the row of a block out of the lane. */
export function liftedOp(row: Pick<RevocationRow, 'id' | 'target' | 'subjectId'>): LiftedBlock {
  if (row.target === 'session') throw new Error(`revocation ${row.id} is not a block`);
  return {
    op: 'lifted_block',
    revocationId: row.id,
    kind: row.target,
    subjectId: row.subjectId,
  };
}

/** Condition on `revocations`: a block that is neither lifted nor expired. */
export function blockInForce(nowMs: number): SQL {
  return sql`(${revocations.effect} = 'block' and ${revocations.liftedAtMs} is null
    and (${revocations.expiresAtMs} is null or ${revocations.expiresAtMs} > ${nowMs}::bigint))`;
}
