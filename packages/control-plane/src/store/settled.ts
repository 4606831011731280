import { sql } from 'drizzle-orm';
import type { Executor } from './database.ts';

/**
 * How far a table whose ids are of a sequence can be followed. Transactions commit in another order
 * than they take ids, so a reader that goes after the newest id it sees would miss what commits
 * later under an earlier one. Whoever has taken an id holds the table's lock for writers until it has
 * ended; so once all who held it when the sequence was read have gone, everything up to there has
 * been decided.
 */
export interface Settled {
  /** Looks again; gives the highest id up to which nothing can appear any more. */
  look(db: Executor): Promise<number>;
}

interface Wait {
  readonly upTo: number;
  readonly writers: ReadonlySet<string>;
}

/** `table` and `sequence` are names of ours, not of anybody's input. */
export function followSettled(table: string, sequence: string): Settled {
  let settled = 0;
  let waiting: Wait | null = null;
  return {
    async look(db) {
      // In this order, in two statements: writers that come in between are of higher ids.
      const upTo = waiting?.upTo ?? (await lastId(db, sequence));
      const writers = await writersOf(db, table);
      const before: ReadonlySet<string> = waiting?.writers ?? writers;
      const left = new Set([...before].filter((writer) => writers.has(writer)));
      if (left.size > 0) {
        waiting = { upTo, writers: left };
      } else {
        settled = upTo;
        waiting = null;
      }
      return settled;
    },
  };
}

async function lastId(db: Executor, sequence: string): Promise<number> {
  const { rows } = await db.execute<{ last: string }>(
    sql`select case when is_called then last_value else 0 end as last
      from ${sql.identifier(sequence)}`,
  );
  return Number(rows[0]?.last ?? 0);
}

/** Transactions that have written to the table, or are about to. */
async function writersOf(db: Executor, table: string): Promise<Set<string>> {
  const { rows } = await db.execute<{ writer: string }>(sql`
    select distinct virtualtransaction as writer from pg_locks
    where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
      and database = (select oid from pg_database where datname = current_database())
      and relation = ${table}::regclass`);
  return new Set(rows.map(({ writer }) => writer));
}
