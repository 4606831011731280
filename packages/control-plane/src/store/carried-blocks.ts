import { newId } from '@sallyport/shared/ids';
import type { Block } from '@sallyport/shared/state/model';
import { blockKey } from '@sallyport/shared/sync/denials';
import { and, eq, gte, inArray } from 'drizzle-orm';
import { CarriedSaid } from './carried-said.ts';
import {
  auditDetail,
  type CarriedStep,
  type CarriedWord,
  carriedBy,
  carriedStep,
  reasonOf,
  releaseOps,
} from './carried-step.ts';
import { type Database, type Executor, read } from './database.ts';
import { readEpochRaisedAt } from './epoch.ts';
import { holdSignIns } from './generations.ts';
import { blockOp, lockRevocation, type RevocationRow } from './revocations.ts';
import { revocations } from './schema/index.ts';
import { type Actor, insertAuditRow, type WriteTx, write } from './write.ts';

/**
 * A new epoch has lost what the database lost, and edges go on enforcing the blocks that they knew.
 * What they report becomes revocations again, so that it holds at every edge and can be lifted.
 */

export interface AdoptedBlocks {
  /** Written as revocations now. */
  readonly adopted: number;
  /** Known already, or not to be taken: too late, too many, or not of a form that can be. */
  readonly skipped: number;
}

/** After the raise of the epoch: what an edge carries later, nobody lost. */
const adoptForMs = 86_400_000;
/** Of one edge, in one epoch: a hostile edge can deny so much, and all of it is in the audit. */
const blocksPerEdgeMax = 10_000;
const batchMax = 250;

/**
 * Takes in blocks that an edge goes on enforcing although the lanes do not have them. Never twice;
 * what was lifted is lifted again for the edge that missed it, as `said` allows. A block whose id
 * belongs to another one here comes in under an id of its own. Fails like `write`.
 */
export async function adoptCarried(
  database: Database,
  edgeId: string,
  blocks: readonly Block[],
  nowMs: number,
  said: CarriedSaid = new CarriedSaid(),
): Promise<AdoptedBlocks> {
  const raisedAtMs = await read(database, readEpochRaisedAt);
  const none = { adopted: 0, skipped: blocks.length };
  if (raisedAtMs === null) return none;
  const wanted = distinct(blocks.filter((block) => isAdoptable(block, nowMs)));
  const counted = await read(database, (db) => countAdopted(db, edgeId, raisedAtMs));
  // An edge that is believed for no more costs no writes either.
  const hasRoom = counted < blocksPerEdgeMax;
  const isLate = nowMs - raisedAtMs > adoptForMs;
  let adopted = 0;
  for (let at = 0; at < wanted.length; at += batchMax) {
    const words = wanted
      .slice(at, at + batchMax)
      .map((block): CarriedWord => ({ edgeId, raisedAtMs, block }));
    const news = await read(database, (db) => newsOf(db, words));
    const due = news.filter(({ step, word }) => {
      if (step === 'release') return said.isDue(edgeId, word.block, nowMs);
      return !isLate && (step !== 'adopt' || hasRoom);
    });
    if (due.length === 0) continue;
    adopted += await adoptBatch(
      database,
      edgeId,
      due.map(({ word }) => word),
      nowMs,
    );
  }
  return { adopted, skipped: blocks.length - adopted };
}

async function adoptBatch(
  database: Database,
  edgeId: string,
  words: readonly CarriedWord[],
  nowMs: number,
): Promise<number> {
  const actor: Actor = {
    kind: 'edge',
    id: edgeId,
    label: 'carried over an epoch change',
    requestId: '',
    sourceAddress: '',
  };
  // Each revocation that comes of it has a row of its own, under its own id.
  const action = { verb: 'carry', resource: 'edge', resourceId: edgeId };
  const { result } = await write(
    database,
    actor,
    action,
    async (tx) => {
      const raisedAtMs = words[0]?.raisedAtMs ?? 0;
      const room = blocksPerEdgeMax - (await countAdopted(tx.db, edgeId, raisedAtMs));
      const taken: Taken = { room, adopted: [], released: [], conflicts: [], reported: [] };
      // In the order of ids: two edges that carry the same take turns.
      for (const word of words) await take(tx, actor, word, taken);
      tx.describe(edgeId, {
        adopted: taken.adopted.length,
        released: taken.released.slice(0, 20),
        reported: taken.reported.length,
      });
      return taken;
    },
    { nowMs },
  );
  const { log } = database;
  for (const conflict of result.conflicts) log.error('carried.conflict', { edgeId, ...conflict });
  for (const { revocationId, kind, subjectId } of result.reported) {
    log.warn('carried.needs_confirmation', { edgeId, revocationId, kind, subjectId });
  }
  return result.adopted.length;
}

/** What one write did. */
interface Taken {
  /** So many the edge is still believed for. */
  readonly room: number;
  readonly adopted: string[];
  readonly released: string[];
  readonly conflicts: { readonly carried: string; readonly adoptedAs: string }[];
  readonly reported: Block[];
}

async function take(tx: WriteTx, actor: Actor, word: CarriedWord, taken: Taken): Promise<void> {
  const { block } = word;
  const audit = (verb: string, id: string, more: object = {}) => {
    const action = { verb, resource: 'revocation', resourceId: id };
    return insertAuditRow(tx.db, actor, action, { ...auditDetail(block), ...more }, tx.nowMs);
  };
  const known = await lockRevocation(tx.db, block.revocationId);
  switch (await carriedStep(tx.db, word, known)) {
    case 'none':
      return;
    case 'release':
      taken.released.push(block.revocationId);
      return tx.emit('revoke', ...releaseOps(block, known));
    case 'report':
      await audit('report', block.revocationId);
      taken.reported.push(block);
      return;
    case 'adopt':
      break;
  }
  if (taken.adopted.length >= taken.room) return;
  const id = known === null ? block.revocationId : newId('rev');
  const row = await insertAdopted(tx, word, id, reasonOf(word, known));
  // Another edge was faster with this id; what is to be done now, the next word of this edge tells.
  if (row === null) return;
  tx.emit('revoke', blockOp(row));
  taken.adopted.push(id);
  await audit('adopt', id, known === null ? {} : { carriedAs: block.revocationId });
  if (known === null) return;
  taken.conflicts.push({ carried: block.revocationId, adoptedAs: id });
}

async function insertAdopted(
  tx: WriteTx,
  { edgeId, block }: CarriedWord,
  id: string,
  reason: string,
): Promise<RevocationRow | null> {
  const { kind, subjectId, expiresAtMs } = block;
  if (kind === 'user' || kind === 'device') await holdSignIns(tx.db, kind, subjectId);
  if (kind === 'everyone') await holdSignIns(tx.db, 'global', '');
  const [row] = await tx.db
    .insert(revocations)
    .values({
      id,
      target: kind,
      subjectId,
      effect: 'block',
      reason,
      createdBy: carriedBy(edgeId),
      createdAtMs: tx.nowMs,
      expiresAtMs,
    })
    .onConflictDoNothing()
    .returning();
  return row ?? null;
}

/** What is not known as a block in force: an edge says the same again and again. */
async function newsOf(
  db: Executor,
  words: readonly CarriedWord[],
): Promise<{ readonly step: CarriedStep; readonly word: CarriedWord }[]> {
  const ids = words.map(({ block }) => block.revocationId);
  const rows = await db.select().from(revocations).where(inArray(revocations.id, ids));
  const known = new Map(rows.map((row) => [row.id, row]));
  const news: { step: CarriedStep; word: CarriedWord }[] = [];
  for (const word of words) {
    const step = await carriedStep(db, word, known.get(word.block.revocationId) ?? null);
    if (step !== 'none') news.push({ step, word });
  }
  return news;
}

async function countAdopted(db: Executor, edgeId: string, sinceMs: number): Promise<number> {
  return db.$count(
    revocations,
    and(eq(revocations.createdBy, carriedBy(edgeId)), gte(revocations.createdAtMs, sinceMs)),
  );
}

function isAdoptable(
  { revocationId, kind, subjectId, expiresAtMs }: Block,
  nowMs: number,
): boolean {
  return (
    /^rev_[0-9a-hjkmnp-tv-z]{26}$/.test(revocationId) &&
    (kind === 'everyone' ? subjectId === '' : /^[\x21-\x7e]{1,128}$/.test(subjectId)) &&
    (expiresAtMs === null || (Number.isSafeInteger(expiresAtMs) && expiresAtMs > nowMs))
  );
}

function distinct(blocks: readonly Block[]): Block[] {
  const byKey = new Map(blocks.map((block) => [blockKey(block), block]));
  return [...byKey.values()].sort((a, b) => (a.revocationId < b.revocationId ? -1 : 1));
}
