import type { Lane, StateOp } from '@sallyport/shared/state/model';
import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../database.ts';
import type { Leader } from '../leases.ts';
import { liftedOp, type RevocationRow } from '../revocations.ts';
import type { SignalRow } from '../signals.ts';
import type { Actor } from '../write.ts';

/**
 * Takes out of the lanes what has expired, row and op in one transaction: rows leave the state by
 * name alone, so that all who hold it hold the same. An expired row counts for nothing when it is
 * read, so nobody waits for this.
 */

/** Ops of one revision. */
const batchMax = 1_000;
/** Batches of one kind and run, so that revocations do not wait behind many. */
const batchesMax = 20;
/** After the end: an edge whose clock is behind must not see something come alive again. */
const graceMs = 5 * 60_000;
/** A key that no edge may use any more, for reading what it signed. */
const keyGraceMs = 86_400_000;

interface Expiry {
  readonly resource: string;
  readonly lane: Lane;
  readonly graceMs: number;
  /** Whether there is anything. */
  readonly due: (beforeMs: number) => SQL;
  /** Takes a batch out; the rows are locked until the transaction ends. */
  readonly take: (db: Executor, beforeMs: number, nowMs: number) => Promise<readonly StateOp[]>;
}

const expiries: readonly Expiry[] = [
  {
    resource: 'ended-session',
    lane: 'revoke',
    graceMs,
    due: (beforeMs) => sql`select 1 from ended_sessions where expires_at_ms <= ${beforeMs} limit 1`,
    async take(db, beforeMs) {
      const { rows } = await db.execute<{ sid: string }>(sql`
        delete from ended_sessions where sid in (
          select sid from ended_sessions where expires_at_ms <= ${beforeMs}
          order by expires_at_ms limit ${batchMax} for update skip locked)
        returning sid`);
      return rows.map(({ sid }) => ({ op: 'forgotten_session', sid }));
    },
  },
  {
    resource: 'revocation',
    lane: 'revoke',
    graceMs,
    due: (beforeMs) => sql`select 1 from revocations where ${expiredBlock(beforeMs)} limit 1`,
    async take(db, beforeMs, nowMs) {
      type Row = { id: string; target: RevocationRow['target']; subject_id: string };
      const { rows } = await db.execute<Row>(sql`
        update revocations set left_lane_at_ms = ${nowMs}::bigint where id in (
          select id from revocations where ${expiredBlock(beforeMs)}
          order by expires_at_ms limit ${batchMax} for update skip locked)
        returning id, target, subject_id`);
      return rows.map(({ id, target, subject_id }) =>
        liftedOp({ id, target, subjectId: subject_id }),
      );
    },
  },
  {
    resource: 'signal',
    lane: 'signals',
    graceMs,
    due: (beforeMs) => sql`select 1 from signals where expires_at_ms <= ${beforeMs} limit 1`,
    async take(db, beforeMs) {
      type Row = { subject: SignalRow['subject']; subject_id: string; name: string };
      const { rows } = await db.execute<Row>(sql`
        delete from signals where (subject, subject_id, name) in (
          select subject, subject_id, name from signals where expires_at_ms <= ${beforeMs}
          order by expires_at_ms limit ${batchMax} for update skip locked)
        returning subject, subject_id, name`);
      return rows.map(({ subject, subject_id, name }) => ({
        op: 'deleted_signal',
        subject,
        subjectId: subject_id,
        name,
      }));
    },
  },
  {
    resource: 'signing-key',
    lane: 'config',
    graceMs: keyGraceMs,
    due: (beforeMs) => sql`select 1 from signing_keys where ${expiredKey(beforeMs)} limit 1`,
    async take(db, beforeMs) {
      type Row = { key_id: string; withdrawn_at_ms: string | null };
      const { rows } = await db.execute<Row>(
        sql`delete from signing_keys where ${expiredKey(beforeMs)}
          returning key_id, withdrawn_at_ms`,
      );
      // What was withdrawn left the lane then.
      const held = rows.filter(({ withdrawn_at_ms }) => withdrawn_at_ms === null);
      return held.map(({ key_id }) => ({ op: 'deleted_signing_key', keyId: key_id }));
    },
  },
];

function expiredBlock(beforeMs: number): SQL {
  return sql`effect = 'block' and left_lane_at_ms is null and expires_at_ms <= ${beforeMs}`;
}

/** Authorities are in no lane, and stay. */
function expiredKey(beforeMs: number): SQL {
  return sql`root_signature is not null and not_after_ms <= ${beforeMs}`;
}

const actor: Actor = {
  kind: 'system',
  id: 'expiry',
  label: 'expiry',
  requestId: '',
  sourceAddress: '',
};

/** Takes out a bounded part of what has expired, and says how many rows went. */
export async function expireOnce(leader: Leader, nowMs: number): Promise<number> {
  let gone = 0;
  for (const expiry of expiries) {
    for (let batch = 0; batch < batchesMax; batch += 1) {
      const taken = await expireBatch(leader, expiry, nowMs);
      gone += taken;
      if (taken < batchMax) break;
    }
  }
  return gone;
}

async function expireBatch(leader: Leader, expiry: Expiry, nowMs: number): Promise<number> {
  const beforeMs = nowMs - expiry.graceMs;
  const due = await leader.run((db) => db.execute(expiry.due(beforeMs)));
  if (due.rowCount === 0) return 0;
  const action = { verb: 'expire', resource: expiry.resource };
  const { result } = await leader.write(actor, action, async (tx) => {
    const ops = await expiry.take(tx.db, beforeMs, nowMs);
    tx.emit(expiry.lane, ...ops);
    tx.describe('', { count: ops.length });
    return ops.length;
  });
  return result;
}
