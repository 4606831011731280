import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../database.ts';
import type { Leader } from '../leases.ts';

const dayMs = 86_400_000;

/** How long rows are kept after they have lost their meaning. */
export const keptMs = {
  /** After it expires: so long it can be looked up. */
  session: 30 * dayMs,
  joinToken: 30 * dayMs,
  /** Unless the settings say otherwise. */
  accessRecord: 90 * dayMs,
  /** After it was last seen. */
  replica: dayMs,
  /** After it was delivered or given up. */
  delivery: 30 * dayMs,
  /** An edge that was away for longer takes the whole state instead. */
  change: 7 * dayMs,
  /** After the user was last seen: for half a year, what is familiar is not new. */
  history: 181 * dayMs,
} as const;

/** Rows that one sweep of a table deletes at the most, so that it holds nobody up. */
const rowsMax = 2_000;

interface Sweep {
  readonly table: string;
  /** Column with an instant; rows before `nowMs - keptMs` go. */
  readonly column: string;
  readonly keptMs: number;
}

const sweeps: readonly Sweep[] = [
  { table: 'single_use', column: 'expires_at_ms', keptMs: 0 },
  { table: 'idempotency_keys', column: 'expires_at_ms', keptMs: 0 },
  { table: 'sessions', column: 'expires_at_ms', keptMs: keptMs.session },
  { table: 'join_tokens', column: 'expires_at_ms', keptMs: keptMs.joinToken },
  { table: 'key_proposals', column: 'expires_at_ms', keptMs: 0 },
  { table: 'replicas', column: 'seen_at_ms', keptMs: keptMs.replica },
  { table: 'webhook_deliveries', column: 'settled_at_ms', keptMs: keptMs.delivery },
  { table: 'findings', column: 'kept_until_ms', keptMs: 0 },
];

/** Deletes a bounded part of what is past its time, and says how many rows went. */
export async function sweepOnce(leader: Leader, nowMs: number): Promise<number> {
  let deleted = 0;
  for (const sweep of sweeps) deleted += await leader.run((db) => sweepTable(db, sweep, nowMs));
  deleted += await leader.run((db) => sweepHistories(db, nowMs));
  deleted += await leader.run((db) => sweepChangeLog(db, nowMs));
  return deleted;
}

async function sweepTable(db: Executor, sweep: Sweep, nowMs: number): Promise<number> {
  const table = sql.identifier(sweep.table);
  const column = sql.identifier(sweep.column);
  return countDeleted(
    db,
    sql`delete from ${table} where ctid = any(array(
      select ctid from ${table} where ${column} < ${nowMs - sweep.keptMs}::bigint
      limit ${rowsMax} for update skip locked))`,
  );
}

/** Histories know the day of the newest event, no instant. */
async function sweepHistories(db: Executor, nowMs: number): Promise<number> {
  const firstDay = Math.floor((nowMs - keptMs.history) / dayMs);
  return countDeleted(
    db,
    sql`delete from user_histories where key in (
      select key from user_histories where seen_day < ${firstDay}::integer
      order by seen_day limit ${rowsMax} for update skip locked)`,
  );
}

/**
 * Revisions go from the oldest on and never out of their order, whatever the clocks of the writers
 * said, so that what is left of a lane has no gap. The newest of a lane stays.
 */
async function sweepChangeLog(db: Executor, nowMs: number): Promise<number> {
  return countDeleted(
    db,
    sql`delete from change_log where (lane, epoch, rev) in (
      select log.lane, log.epoch, log.rev
      from lane_heads heads
      cross join lateral (
        select epoch, rev from change_log
        where lane = heads.lane and written_at_ms < ${nowMs - keptMs.change}::bigint
        order by epoch desc, rev desc limit 1
      ) old
      join change_log log on log.lane = heads.lane
        and (log.epoch, log.rev) <= (old.epoch, old.rev)
        and (log.epoch, log.rev) < (heads.epoch, heads.rev)
      order by log.epoch, log.rev
      limit ${rowsMax})`,
  );
}

async function countDeleted(db: Executor, statement: SQL): Promise<number> {
  const { rowCount } = await db.execute(statement);
  return rowCount ?? 0;
}
