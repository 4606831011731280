import { findDeviceCertificate } from '../store/devices.ts';
import { holdSignIns, raiseGeneration } from '../store/generations.ts';
import { blockOp, insertRevocation, type RevocationRow } from '../store/revocations.ts';
import type { RevocationEffect, RevocationTarget } from '../store/schema/index.ts';
import { endSession } from '../store/sessions.ts';
import type { WriteTx } from '../store/write.ts';

/** A revocation that is to be made; what it names has been found to exist. */
export interface RevocationOrder {
  readonly kind: RevocationTarget;
  /** Of a service its name; empty for everyone. */
  readonly id: string;
  readonly effect: RevocationEffect;
  readonly reason: string;
  readonly by: string;
  /** null: until lifted. Only blocks expire. */
  readonly expiresAtMs: number | null;
}

interface TargetRules {
  readonly defaultEffect: RevocationEffect;
  readonly effects: readonly RevocationEffect[];
}

/** What can be done to what. Ending is for sessions; what has none is blocked. */
export const targetRules: Readonly<Record<RevocationTarget, TargetRules>> = {
  session: { defaultEffect: 'end', effects: ['end'] },
  everyone: { defaultEffect: 'end', effects: ['end', 'block'] },
  user: { defaultEffect: 'block', effects: ['end', 'block'] },
  device: { defaultEffect: 'block', effects: ['end', 'block'] },
  certificate: { defaultEffect: 'block', effects: ['block'] },
  service: { defaultEffect: 'block', effects: ['block'] },
  edge: { defaultEffect: 'block', effects: ['block'] },
};

/** Writes a revocation and what edges are told of it, in the transaction of the caller. */
export async function revoke(tx: WriteTx, order: RevocationOrder): Promise<RevocationRow> {
  const { kind, id, effect, reason, by, expiresAtMs } = order;
  if (!targetRules[kind].effects.includes(effect)) throw new Error(`${effect} on ${kind}`);
  if (effect === 'block') await holdSubject(tx, kind, id);
  const row = await insertRevocation(tx.db, {
    target: kind,
    subjectId: id,
    subjectKeySha256: kind === 'certificate' ? await keyOf(tx, id) : null,
    effect,
    reason,
    createdBy: by,
    createdAtMs: tx.nowMs,
    expiresAtMs,
  });
  if (effect === 'block') tx.emit('revoke', blockOp(row));
  else await end(tx, kind, id);
  tx.describe(row.id, { kind, id, effect, reason });
  return row;
}

async function end(tx: WriteTx, kind: RevocationTarget, id: string): Promise<void> {
  switch (kind) {
    case 'session': {
      const op = await endSession(tx.db, id, tx.nowMs);
      if (op === null) throw new Error(`session ${id} is gone`);
      tx.emit('revoke', op);
      return;
    }
    case 'user':
    case 'device':
      tx.emit('revoke', await raiseGeneration(tx.db, kind, id));
      return;
    case 'everyone':
      tx.emit('revoke', await raiseGeneration(tx.db, 'global', ''));
      return;
    case 'certificate':
    case 'service':
    case 'edge':
      throw new Error(`end on ${kind}`);
  }
}

/** Sign-ins that are under way either finish first, or see the block. */
async function holdSubject(tx: WriteTx, kind: RevocationTarget, id: string): Promise<void> {
  if (kind === 'user' || kind === 'device') await holdSignIns(tx.db, kind, id);
  if (kind === 'everyone') await holdSignIns(tx.db, 'global', '');
}

async function keyOf(tx: WriteTx, sha256: string): Promise<string | null> {
  return (await findDeviceCertificate(tx.db, sha256))?.keySha256 ?? null;
}
