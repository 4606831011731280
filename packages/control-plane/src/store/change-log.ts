import type { Lane, Position } from '@sallyport/shared/state/model';
import { and, asc, eq, gt, min } from 'drizzle-orm';
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
