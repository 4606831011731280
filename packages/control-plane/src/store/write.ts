import { opsToBytes } from '@sallyport/proto';
import { type Lane, lanes, type Position, type StateOp } from '@sallyport/shared/state/model';
import { eq, sql } from 'drizzle-orm';
import { type Database, type Executor, type Positions, transaction } from './database.ts';
import { sqlStateOf } from './failure.ts';
import { type ActorKind, adminAudit, changeLog, laneHeads } from './schema/index.ts';

/** Who writes. */
export interface Actor {
  readonly kind: ActorKind;
  /** Token id, edge id or the name of a job. */
  readonly id: string;
  readonly label: string;
  /** Empty where there is no request. */
  readonly requestId: string;
  readonly sourceAddress: string;
}

export interface Action {
  readonly verb: string;
  readonly resource: string;
  /** May be named later, by `tx.describe`. */
  readonly resourceId?: string;
}

export interface WriteTx {
  /** The transaction. */
  readonly db: Executor;
  readonly nowMs: number;
  /** Adds ops to a lane's next revision. Only ops whose rows this transaction has locked. */
  emit(lane: Lane, ...ops: readonly StateOp[]): void;
  /** Completes the audit row. No secrets. */
  describe(resourceId: string, detail?: Readonly<Record<string, unknown>>): void;
  /** Nothing was to be changed: the write has no audit row. */
  unchanged(): void;
}

export interface Written<T> {
  readonly result: T;
  readonly positions: Positions;
}

export interface WriteOptions<T> {
  /** Takes a connection that is kept for revocations. */
  readonly urgent?: boolean;
  readonly nowMs?: number;
  /** Writes no audit row of its own: the body writes those that are due. */
  readonly unaudited?: boolean;
  /** Runs in the transaction, after the lanes. Keep it to one short statement. */
  readonly finish?: (db: Executor, written: Written<T>) => Promise<void>;
}

/** One revision holds this many ops at the most; more make several revisions of one commit. */
const opsPerRevisionMax = 1_000;
const attemptsMax = 3;

/**
 * One write: the body's rows, its audit row and the change-log rows of the lanes it emitted to, in
 * one transaction. The heads of the lanes are locked last and always in the order of `lanes`, so
 * that two writers cannot deadlock on them and a revision is never visible before an earlier one.
 * The body may run again after a deadlock, so it must do nothing outside the transaction.
 */
export async function write<T>(
  database: Database,
  actor: Actor,
  action: Action,
  body: (tx: WriteTx) => Promise<T>,
  options: WriteOptions<T> = {},
): Promise<Written<T>> {
  const pool = options.urgent === true ? database.urgent : database.ordinary;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const written = await transaction(pool, (db) => writeOnce(db, actor, action, body, options));
      database.committed(written.positions);
      return written;
    } catch (error) {
      if (attempt === attemptsMax || !sqlStateOf(error)?.startsWith('40')) throw error;
    }
  }
}

async function writeOnce<T>(
  db: Executor,
  actor: Actor,
  action: Action,
  body: (tx: WriteTx) => Promise<T>,
  options: WriteOptions<T>,
): Promise<Written<T>> {
  const nowMs = options.nowMs ?? Date.now();
  const emitted = new Map<Lane, StateOp[]>();
  let resourceId = action.resourceId ?? '';
  let detail: Readonly<Record<string, unknown>> = {};
  let isChanged = true;
  const result = await body({
    db,
    nowMs,
    emit(lane, ...ops) {
      const collected = emitted.get(lane);
      if (collected === undefined) emitted.set(lane, [...ops]);
      else for (const op of ops) collected.push(op);
    },
    describe(id, more = {}) {
      resourceId = id;
      detail = more;
    },
    unchanged() {
      isChanged = false;
    },
  });
  if (options.unaudited !== true && isChanged) {
    await insertAuditRow(db, actor, { ...action, resourceId }, detail, nowMs);
  }
  const positions = await appendRevisions(db, emitted, nowMs);
  const written: Written<T> = { result, positions };
  await options.finish?.(db, written);
  return written;
}

/** One row of the audit, in the transaction of what it tells of. */
export async function insertAuditRow(
  db: Executor,
  actor: Actor,
  action: Required<Action>,
  detail: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<void> {
  await db.insert(adminAudit).values({
    atMs: nowMs,
    actorKind: actor.kind,
    actorId: actor.id,
    actorLabel: actor.label,
    verb: action.verb,
    resource: action.resource,
    resourceId: action.resourceId,
    detail,
    requestId: actor.requestId,
    sourceAddress: actor.sourceAddress,
  });
}

async function appendRevisions(
  db: Executor,
  emitted: ReadonlyMap<Lane, readonly StateOp[]>,
  nowMs: number,
): Promise<Positions> {
  const positions: { [lane in Lane]?: Position } = {};
  for (const lane of lanes) {
    const ops = emitted.get(lane);
    if (ops === undefined || ops.length === 0) continue;
    positions[lane] = await appendToLane(db, lane, ops, nowMs);
  }
  if (Object.keys(positions).length > 0) {
    await db.execute(sql`select pg_notify('sallyport_changes', '')`);
  }
  return positions;
}

async function appendToLane(
  db: Executor,
  lane: Lane,
  ops: readonly StateOp[],
  nowMs: number,
): Promise<Position> {
  // Encoded before the lock is taken: others wait for it.
  const bodies: Uint8Array[] = [];
  for (let at = 0; at < ops.length; at += opsPerRevisionMax) {
    bodies.push(opsToBytes(ops.slice(at, at + opsPerRevisionMax)));
  }
  const [head] = await db
    .update(laneHeads)
    .set({ rev: sql`${laneHeads.rev} + ${bodies.length}` })
    .where(eq(laneHeads.lane, lane))
    .returning({ epoch: laneHeads.epoch, rev: laneHeads.rev });
  if (head === undefined) throw new Error(`lane ${lane} has no head`);
  const firstRev = head.rev - bodies.length + 1;
  await db.insert(changeLog).values(
    bodies.map((body, index) => ({
      lane,
      epoch: head.epoch,
      rev: firstRev + index,
      prevRev: firstRev + index - 1,
      body,
      writtenAtMs: nowMs,
    })),
  );
  return head;
}
