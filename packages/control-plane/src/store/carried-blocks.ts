import type { Block } from '@sallyport/shared/state/model';
import { and, eq, gte, inArray } from 'drizzle-orm';
import { type Database, type Executor, read } from './database.ts';
import { readEpochRaisedAt } from './epoch.ts';
import { holdSignIns } from './generations.ts';
import { blockOp, liftedOp } from './revocations.ts';
import { type RevocationTarget, revocations } from './schema/index.ts';
import { type Actor, type WriteTx, write } from './write.ts';

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
 * a block that was lifted is lifted again for the edge that missed it. Fails like `write`.
 */
export async function adoptCarried(
  database: Database,
  edgeId: string,
  blocks: readonly Block[],
  nowMs: number,
): Promise<AdoptedBlocks> {
  const raisedAtMs = await read(database, readEpochRaisedAt);
  const none = { adopted: 0, skipped: blocks.length };
  if (raisedAtMs === null || nowMs - raisedAtMs > adoptForMs) return none;
  const wanted = distinct(blocks.filter((block) => isAdoptable(block, nowMs)));
  let adopted = 0;
  for (let at = 0; at < wanted.length; at += batchMax) {
    const batch = wanted.slice(at, at + batchMax);
    if (!(await read(database, (db) => anyNews(db, batch)))) continue;
    adopted += await adoptBatch(database, edgeId, batch, raisedAtMs, nowMs);
  }
  return { adopted, skipped: blocks.length - adopted };
}

async function adoptBatch(
  database: Database,
  edgeId: string,
  batch: readonly Block[],
  raisedAtMs: number,
  nowMs: number,
): Promise<number> {
  const actor: Actor = {
    kind: 'edge',
    id: edgeId,
    label: 'carried over an epoch change',
    requestId: '',
    sourceAddress: '',
  };
  const action = { verb: 'adopt', resource: 'revocation', resourceId: edgeId };
  const { result } = await write(
    database,
    actor,
    action,
    async (tx) => {
      const room = blocksPerEdgeMax - (await countAdopted(tx.db, edgeId, raisedAtMs));
      const ids = await adoptIn(tx, edgeId, batch, room);
      tx.describe(edgeId, { count: ids.length, first: ids.slice(0, 20) });
      return ids.length;
    },
    { nowMs },
  );
  return result;
}

/** Writes what is not known, in the order of ids: two edges that carry the same take turns. */
async function adoptIn(
  tx: WriteTx,
  edgeId: string,
  batch: readonly Block[],
  room: number,
): Promise<string[]> {
  const adopted: string[] = [];
  for (const { revocationId: id, kind, subjectId, expiresAtMs } of batch) {
    const [known] = await tx.db.select().from(revocations).where(eq(revocations.id, id));
    if (known !== undefined) {
      if (known.liftedAtMs !== null && known.effect === 'block') tx.emit('revoke', liftedOp(known));
      continue;
    }
    if (adopted.length >= room) continue;
    if (kind === 'user' || kind === 'device') await holdSignIns(tx.db, kind, subjectId);
    if (kind === 'everyone') await holdSignIns(tx.db, 'global', '');
    const [row] = await tx.db
      .insert(revocations)
      .values({
        id,
        target: kind as RevocationTarget,
        subjectId,
        effect: 'block',
        reason: 'carried by an edge over a change of the epoch',
        createdBy: carriedBy(edgeId),
        createdAtMs: tx.nowMs,
        expiresAtMs,
      })
      .onConflictDoNothing()
      .returning();
    if (row === undefined) continue;
    tx.emit('revoke', blockOp(row));
    adopted.push(id);
  }
  return adopted;
}

/** Whether any is not known as a block in force: an edge says the same again and again. */
async function anyNews(db: Executor, batch: readonly Block[]): Promise<boolean> {
  const ids = batch.map((block) => block.revocationId);
  const known = await db
    .select({ id: revocations.id, liftedAtMs: revocations.liftedAtMs })
    .from(revocations)
    .where(inArray(revocations.id, ids));
  return known.length < ids.length || known.some((row) => row.liftedAtMs !== null);
}

async function countAdopted(db: Executor, edgeId: string, sinceMs: number): Promise<number> {
  return db.$count(
    revocations,
    and(eq(revocations.createdBy, carriedBy(edgeId)), gte(revocations.createdAtMs, sinceMs)),
  );
}

function carriedBy(edgeId: string): string {
  return `carried:${edgeId}`;
}

/** Service identities cannot be blocked yet, so nobody can have lost such a block. */
function isAdoptable(
  { revocationId, kind, subjectId, expiresAtMs }: Block,
  nowMs: number,
): boolean {
  return (
    kind !== 'service' &&
    /^rev_[0-9a-hjkmnp-tv-z]{26}$/.test(revocationId) &&
    (kind === 'everyone' ? subjectId === '' : /^[\x21-\x7e]{1,128}$/.test(subjectId)) &&
    (expiresAtMs === null || (Number.isSafeInteger(expiresAtMs) && expiresAtMs > nowMs))
  );
}

function distinct(blocks: readonly Block[]): Block[] {
  const byId = new Map(blocks.map((block) => [block.revocationId, block]));
  return [...byId.values()].sort((a, b) => (a.revocationId < b.revocationId ? -1 : 1));
}
