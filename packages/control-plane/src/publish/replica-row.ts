import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { type Database, read } from '../store/database.ts';
import { type ReplicaRow, saveReplica } from '../store/replicas.ts';
import type { Monotonic } from './1-log/follow.ts';

/** What this replica says of itself in the database, where others look. */
export interface OwnRow {
  /** Gives the others that were there lately. Fails like `read`. */
  save(heads: ReadonlyMap<Lane, Position>): Promise<readonly ReplicaRow[]>;
}

/** So many of its own words a process knows again: a minute of them, also after a database went back. */
const writtenMax = 64;
const sayAgainMs = 60_000;

/**
 * Keeps the row of this replica. A name is for one process: edges tell clocks, and replicas each
 * other's heads, by it. Where another one writes under it while this one lives, the log says so.
 */
export function createReplicaRow(parts: {
  readonly database: Database;
  readonly replica: string;
  readonly clock: Clock;
  readonly monotonic: Monotonic;
  readonly log: Log;
}): OwnRow {
  const { database, replica, clock, monotonic, log } = parts;
  /** Also what may not have come to the database. */
  let written: readonly number[] = [];
  let saidAtMs = Number.NEGATIVE_INFINITY;
  return {
    async save(heads) {
      const own = written;
      const nowMs = clock();
      written = [...own, nowMs].slice(-writtenMax);
      const saved = await read(database, (db) => saveReplica(db, replica, heads, nowMs));
      // What a process finds at its start is of the one before it.
      const isTaken = own.length > 0 && saved.beforeMs !== null && !own.includes(saved.beforeMs);
      if (isTaken && monotonic() - saidAtMs >= sayAgainMs) {
        saidAtMs = monotonic();
        log.warn('publish.replica_name_taken', { replica });
      }
      return saved.others;
    },
  };
}
