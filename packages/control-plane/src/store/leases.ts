import { sql } from 'drizzle-orm';
import { type Database, type Executor, read, transaction } from './database.ts';
import { databaseFailure, sqlStateOf } from './failure.ts';
import { type Action, type Actor, type WriteTx, type Written, write } from './write.ts';

/**
 * Leases: of what must be done by one replica at a time. Time is the database's own, so replicas
 * whose clocks differ agree. Every transaction of a holder first takes its lease's row, and the row
 * says whose it is: a holder that was stopped and goes on after another took over changes nothing.
 */

export interface Lease {
  readonly name: string;
  /** Rises with each holder. */
  readonly fence: number;
}

/** The lease is another's by now, or has expired. What the transaction did is undone. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/** Takes a lease that nobody holds. null: somebody does, or is still at work with it. */
export async function acquireLease(
  db: Executor,
  name: string,
  holder: string,
  forMs: number,
): Promise<Lease | null> {
  const { rowCount } = await db.execute(
    sql`select 1 from leases where name = ${name} and expires_at > clock_timestamp()`,
  );
  if (rowCount !== 0) return null;
  try {
    return await takeOver(db, name, holder, forMs);
  } catch (error) {
    // A transaction of the last holder has the row.
    if (sqlStateOf(databaseFailure(error)) === lockNotAvailable) return null;
    throw error;
  }
}

const lockNotAvailable = '55P03';

async function takeOver(
  db: Executor,
  name: string,
  holder: string,
  forMs: number,
): Promise<Lease | null> {
  const { rows } = await db.execute<{ fence: string }>(sql`
    insert into leases as held (name, holder, fence, expires_at)
    values (${name}, ${holder}, 1, clock_timestamp() + ${forMs} * interval '1 millisecond')
    on conflict (name) do update set
      holder = excluded.holder, fence = held.fence + 1, expires_at = excluded.expires_at
    where held.expires_at <= clock_timestamp()
    returning fence`);
  const [row] = rows;
  return row === undefined ? null : { name, fence: Number(row.fence) };
}

/** Keeps a lease for longer. False: it is lost. */
export async function renewLease(db: Executor, lease: Lease, forMs: number): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    update leases set expires_at = clock_timestamp() + ${forMs} * interval '1 millisecond'
    where name = ${lease.name} and fence = ${lease.fence} and expires_at > clock_timestamp()`);
  return rowCount === 1;
}

/** Gives a lease back, so that the next holder need not wait. */
export async function releaseLease(db: Executor, lease: Lease): Promise<void> {
  await db.execute(sql`
    update leases set expires_at = clock_timestamp()
    where name = ${lease.name} and fence = ${lease.fence}`);
}

/** What a holder does with the database. Each fails with `LeaseLostError` once the lease is lost. */
export interface Leader {
  run<T>(body: (db: Executor) => Promise<T>): Promise<T>;
  write<T>(actor: Actor, action: Action, body: (tx: WriteTx) => Promise<T>): Promise<Written<T>>;
}

export function leaderOf(database: Database, lease: Lease): Leader {
  return {
    run: (body) =>
      transaction(database.ordinary, async (db) => {
        await holdLease(db, lease);
        return body(db);
      }),
    write: (actor, action, body) =>
      write(database, actor, action, async (tx) => {
        await holdLease(tx.db, lease);
        return body(tx);
      }),
  };
}

/** Holds the row until the transaction ends: nobody takes over while it is under way. */
async function holdLease(db: Executor, lease: Lease): Promise<void> {
  const { rowCount } = await db.execute(sql`
    select 1 from leases
    where name = ${lease.name} and fence = ${lease.fence} and expires_at > clock_timestamp()
    for share`);
  if (rowCount !== 1) throw new LeaseLostError(`lease ${lease.name} is lost`);
}

/** Who holds a lease now, by the name it gave; null: nobody. */
export async function findHolder(database: Database, name: string): Promise<string | null> {
  const { rows } = await read(database, (db) =>
    db.execute<{ holder: string }>(
      sql`select holder from leases where name = ${name} and expires_at > clock_timestamp()`,
    ),
  );
  return rows[0]?.holder ?? null;
}
