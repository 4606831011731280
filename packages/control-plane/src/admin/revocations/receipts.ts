import type { Position } from '@sallyport/shared/state/model';
import type { EdgeReceipt } from '../../ports.ts';
import { positionSince } from '../../store/change-log.ts';
import { read } from '../../store/database.ts';
import { findRevocation, type RevocationRow } from '../../store/revocations.ts';
import type { AdminContext } from '../context.ts';
import { isoOrNull } from '../http/schemas.ts';
import { type Fences, readFences } from './fences.ts';

const waitMsMax = 5_000;

/** A receipt as it is shown. */
export interface ShownReceipt extends EdgeReceipt {
  /**
   * RFC 3339: by when an edge that has not confirmed lets nobody in any more; null: never. Absent of
   * one that has, of a lift, and while it cannot be read.
   */
  readonly fencedBy?: string | null;
}

export interface Enforcement {
  readonly enforced: boolean;
  readonly receipts: ShownReceipt[];
}

/**
 * What the edges made of a revocation or a lift, if the request wants to wait for them. `blocked`:
 * the edge that it blocks, which counts as well.
 */
export async function enforcementOf(
  { receipts }: Pick<AdminContext, 'receipts'>,
  position: Position | null,
  wait: 'enforced' | undefined,
  blocked: readonly string[] = [],
): Promise<Enforcement> {
  if (wait === undefined || position === null) return { enforced: false, receipts: [] };
  const received = await receipts.waitEnforced('revoke', position, waitMsMax, blocked);
  return {
    enforced: received.every((receipt) => receipt.status === 'enforced'),
    receipts: [...received],
  };
}

/** The same of a revocation, with the instants by which the edges without it close. */
export async function withFences(
  context: AdminContext,
  { enforced, receipts }: Enforcement,
  writtenAtMs: number,
): Promise<Enforcement> {
  if (receipts.every(({ status }) => status === 'enforced')) return { enforced, receipts };
  const fences = await fencesOf(context, writtenAtMs);
  return {
    enforced,
    receipts: receipts.map((receipt) => {
      const fencedByMs = fences.get(receipt.edgeId);
      if (receipt.status === 'enforced' || fencedByMs === undefined) return receipt;
      return { ...receipt, fencedBy: isoOrNull(fencedByMs) };
    }),
  };
}

/** A revocation, and how far it is now if it is in force; null: there is none. */
export async function findWithReceipts(
  context: AdminContext,
  id: string,
): Promise<{ readonly row: RevocationRow; readonly now: Enforcement | null } | null> {
  const { database, clock, receipts } = context;
  const found = await read(
    database,
    async (db) => {
      const row = await findRevocation(db, id);
      if (row === null) return null;
      return { row, position: await positionSince(db, 'revoke', row.createdAtMs) };
    },
    { urgent: true },
  );
  if (found === null) return null;
  const { row, position } = found;
  const isOver = row.expiresAtMs !== null && row.expiresAtMs <= clock();
  if (isOver || row.liftedAtMs !== null) return { row, now: null };
  const blocked = row.target === 'edge' ? [row.subjectId] : [];
  const received = await receipts.waitEnforced('revoke', position, 0, blocked);
  const now = {
    enforced: received.every(({ status }) => status === 'enforced'),
    // Nobody waited, so nobody knows how long it took.
    receipts: received.map((receipt) => ({ ...receipt, tookMs: null })),
  };
  return { row, now: await withFences(context, now, row.createdAtMs) };
}

/** The revocation is committed: what cannot be read now must not hide that. */
async function fencesOf(context: AdminContext, writtenAtMs: number): Promise<Fences> {
  const { database, receipts, clock, log } = context;
  try {
    return await read(database, (db) => readFences(db, receipts, writtenAtMs, clock()), {
      urgent: true,
    });
  } catch (error) {
    log.warn('admin.fences_unreadable', { error });
    return new Map();
  }
}
