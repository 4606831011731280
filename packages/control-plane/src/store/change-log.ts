import type { Lane, Position } from '@sallyport/shared/state/model';
import { and, asc, eq, gt, gte, max, min } from 'drizzle-orm';
import type { Executor } from './database.ts';
import type { Revision } from './log-connection.ts';
import { changeLog, laneHeads } from './schema/index.ts';

/** The head of a lane. */
export async function readHead(db: Executor, lane: Lane): Promise<Position> {
  const [head] = await db
    .select({ epoch: laneHeads.epoch, rev: laneHeads.rev })
    .from(laneHeads)
    .where(eq(laneHeads.lane, lane));
  if (head === undefined) throw new Error(`lane ${lane} has no head`);
  return head;
}

/** The oldest revision of an epoch that the log still has; null where it has none. */
export async function readOldestRevision(
  db: Executor,
  lane: Lane,
  epoch: number,
): Promise<number | null> {
  const [row] = await db
    .select({ rev: min(changeLog.rev) })
    .from(changeLog)
    .where(and(eq(changeLog.lane, lane), eq(changeLog.epoch, epoch)));
  return row?.rev ?? null;
}

/** No transaction of a write takes longer. */
export const writeMsMax = 55_000;

/**
 * A position of the epoch in force that whoever has it has what a write of this instant appended to
 * the lane: the write's own; where the log has that no more, that of a later one, or the head.
 */
export async function positionSince(
  db: Executor,
  lane: Lane,
  writtenAtMs: number,
): Promise<Position> {
  const { epoch, rev: headRev } = await readHead(db, lane);
  const ofEpoch = and(eq(changeLog.lane, lane), eq(changeLog.epoch, epoch));
  const [own] = await db
    .select({ rev: max(changeLog.rev) })
    .from(changeLog)
    .where(and(ofEpoch, eq(changeLog.writtenAtMs, writtenAtMs)));
  const [later] = await db
    .select({ rev: min(changeLog.rev) })
    .from(changeLog)
    .where(and(ofEpoch, gte(changeLog.writtenAtMs, writtenAtMs + writeMsMax)));
  return { epoch, rev: own?.rev ?? later?.rev ?? headRev };
}

/** The revisions after a position in its own epoch, in their order. */
export async function readRevisions(
  db: Executor,
  lane: Lane,
  after: Position,
  limit: number,
): Promise<Revision[]> {
  return db
    .select({
      lane: changeLog.lane,
      epoch: changeLog.epoch,
      prevRev: changeLog.prevRev,
      rev: changeLog.rev,
      body: changeLog.body,
    })
    .from(changeLog)
    .where(
      and(eq(changeLog.lane, lane), eq(changeLog.epoch, after.epoch), gt(changeLog.rev, after.rev)),
    )
    .orderBy(asc(changeLog.rev))
    .limit(limit);
}
