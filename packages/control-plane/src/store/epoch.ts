import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import { and, eq } from 'drizzle-orm';
import type { Database, Executor } from './database.ts';
import { holdSignIns, raiseGeneration } from './generations.ts';
import { laneEpochs, laneHeads } from './schema/index.ts';
import { type Actor, type WriteTx, write } from './write.ts';

/**
 * A history that may have lost its end (a restore, a failover with loss) goes on in a new epoch, so
 * that no edge takes the new revisions for those it knows. Everybody signs in again: what the lost
 * part said of sessions does not have to be known then. Blocks are carried by the edges.
 */

/**
 * An epoch has the time in it, milliseconds, and the generation of everybody is the epoch at the
 * least: so both are above anything that the lost part can have come to, however often it was
 * raised there. Where the clock cannot be relied on, it is so many above what is known.
 */
const step = 2 ** 20;
/** What an edge shows beyond this, no control plane of ours has made: clocks are not so far off. */
const aheadMsMax = 86_400_000;
/** How the reason of a raise begins that an edge's proof caused. */
export const provenReason = 'an edge has ';

export interface EpochOrder {
  /** For people: the audit row and `lane_epochs` keep it. */
  readonly reason: string;
  readonly actor: Actor;
  readonly nowMs: number;
  /**
   * Raises only while the lanes are in this epoch: of several that noticed the same, one does it.
   */
  readonly seenEpoch?: number;
  /** An epoch that an edge has shown: the new one is above it, too. */
  readonly above?: number;
}

export interface RaisedEpoch {
  /** False: another one was faster; `epoch` is the one in force. */
  readonly raised: boolean;
  readonly epoch: number;
}

/** Whether an epoch that an edge shows can be of this installation, whose newest is `known`. */
export function isPlausibleEpoch(shown: number, known: number, nowMs: number): boolean {
  return Number.isSafeInteger(shown) && shown <= Math.max(known, nowMs) + aheadMsMax;
}

/**
 * Raises the epoch of all lanes in one transaction. Fails like `write`, and with a RangeError where
 * no later epoch can be written, or `above` is not plausible.
 */
export async function raiseEpoch(database: Database, order: EpochOrder): Promise<RaisedEpoch> {
  const { actor, nowMs } = order;
  const action = { verb: 'raise', resource: 'epoch' };
  const { result } = await write(database, actor, action, (tx) => raiseEpochIn(tx, order), {
    nowMs,
    urgent: true,
  });
  return result;
}

/** The same in a write of the caller, who emits nothing else. */
export async function raiseEpochIn(
  tx: WriteTx,
  { reason, seenEpoch, above = 0 }: Pick<EpochOrder, 'reason' | 'seenEpoch' | 'above'>,
): Promise<RaisedEpoch> {
  // Before the heads, as every writer does: a sign-in that holds it may be waiting for a head.
  await holdSignIns(tx.db, 'global', '');
  const heads = await lockHeads(tx.db);
  const newest = Math.max(...[...heads.values()].map((head) => head.epoch));
  if (seenEpoch !== undefined && newest !== seenEpoch) {
    tx.describe(String(newest), { raised: false });
    return { raised: false, epoch: newest };
  }
  if (!isPlausibleEpoch(above, newest, tx.nowMs)) {
    throw new RangeError(`the epoch ${above} is far beyond ${newest}`);
  }
  const epoch = Math.max(newest + step, above + step, tx.nowMs);
  if (!Number.isSafeInteger(epoch)) throw new RangeError(`no epoch can follow ${newest}`);
  await tx.db.update(laneHeads).set({ epoch, rev: 0 });
  await tx.db.insert(laneEpochs).values(
    [...heads].map(([lane, head]) => ({
      lane,
      epoch,
      forkedEpoch: head.epoch,
      forkedRev: head.rev,
      reason,
      atMs: tx.nowMs,
    })),
  );
  tx.emit('revoke', await raiseGeneration(tx.db, 'global', '', epoch));
  tx.describe(String(epoch), { reason, forkedAt: Object.fromEntries(heads) });
  return { raised: true, epoch };
}

/** Where an epoch of a lane goes on from; null: it is the first, or not known here. */
export async function readForkedAt(
  db: Executor,
  lane: Lane,
  epoch: number,
): Promise<Position | null> {
  const [row] = await db
    .select({ epoch: laneEpochs.forkedEpoch, rev: laneEpochs.forkedRev })
    .from(laneEpochs)
    .where(and(eq(laneEpochs.lane, lane), eq(laneEpochs.epoch, epoch)));
  return row ?? null;
}

/** When the epoch was raised last; null: never. */
export async function readEpochRaisedAt(db: Executor): Promise<number | null> {
  return (await readLastRaise(db))?.atMs ?? null;
}

/** When and why the epoch in force was raised; null: it is the first. */
export async function readLastRaise(
  db: Executor,
): Promise<{ readonly atMs: number; readonly reason: string } | null> {
  const [row] = await db
    .select({ atMs: laneEpochs.atMs, reason: laneEpochs.reason })
    .from(laneEpochs)
    .innerJoin(
      laneHeads,
      and(eq(laneHeads.lane, laneEpochs.lane), eq(laneHeads.epoch, laneEpochs.epoch)),
    )
    .where(eq(laneEpochs.lane, 'revoke'));
  return row ?? null;
}

async function lockHeads(db: Executor): Promise<Map<Lane, Position>> {
  const heads = new Map<Lane, Position>();
  for (const lane of lanes) {
    const [head] = await db
      .select({ epoch: laneHeads.epoch, rev: laneHeads.rev })
      .from(laneHeads)
      .where(eq(laneHeads.lane, lane))
      .for('update');
    if (head === undefined) throw new Error(`lane ${lane} has no head`);
    heads.set(lane, head);
  }
  return heads;
}
