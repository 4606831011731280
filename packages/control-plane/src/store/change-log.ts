import type { Lane, Position } from '@sallyport/shared/state/model';
import { and, asc, eq, gt, gte, max, min, sql } from 'drizzle-orm';
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

/**
 * The position that this transaction's ops in the lane will have. Holds the lane until the
 * transaction ends, so it is asked for late, and by those that emit to no lane before this one.
 */
export async function lockNextPosition(db: Executor, lane: Lane): Promise<Position> {
  const [head] = await db
    .select({ epoch: laneHeads.epoch, rev: laneHeads.rev })
    .from(laneHeads)
    .where(eq(laneHeads.lane, lane))
    .for('update');
  if (head === undefined) throw new Error(`lane ${lane} has no head`);
  return { epoch: head.epoch, rev: head.rev + 1 };
}

/** What the log has at a position of a lane, and how far the lane is. */
export interface LogHistory {
  readonly head: Position;
  /** SHA-256 of the body of the revision there, hex; null: there is none. */
  readonly sha256: string | null;
}

/** Of several positions, in their order, as of one instant. The bodies stay in the database. */
export async function readHistories(
  db: Executor,
  positions: readonly (Position & { readonly lane: Lane })[],
): Promise<LogHistory[]> {
  const asked = positions.map(({ lane, epoch, rev }, index) => ({ index, lane, epoch, rev }));
  const { rows } = await db.execute<{ epoch: string; rev: string; sha256: string | null }>(sql`
    select h.epoch, h.rev, encode(sha256(c.body), 'hex') as sha256
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
      as q(index int, lane text, epoch bigint, rev bigint)
    join lane_heads h on h.lane = q.lane
    left join change_log c on c.lane = q.lane and c.epoch = q.epoch and c.rev = q.rev
    order by q.index`);
  return rows.map(({ epoch, rev, sha256 }) => {
    return { head: { epoch: Number(epoch), rev: Number(rev) }, sha256 };
  });
}

/**
 * Whether whoever has all up to `position` of the lane had, at `atMs`, all that there was; in the
 * order of the questions. Where the log does not reach back so far, nobody had.
 */
export async function readComplete(
  db: Executor,
  lane: Lane,
  questions: readonly { readonly position: Position; readonly atMs: number }[],
): Promise<boolean[]> {
  const asked = questions.map(({ position, atMs }, index) => ({ index, ...position, at: atMs }));
  const { rows } = await db.execute<{ complete: boolean }>(sql`
    select h.epoch = q.epoch and (q.rev >= h.rev or coalesce(next.written_at_ms > q.at, false))
      as complete
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb)
      as q(index int, epoch bigint, rev bigint, at float8)
    join lane_heads h on h.lane = ${lane}
    left join change_log next
      on next.lane = h.lane and next.epoch = h.epoch and next.rev = q.rev + 1
    order by q.index`);
  return rows.map(({ complete }) => complete);
}
