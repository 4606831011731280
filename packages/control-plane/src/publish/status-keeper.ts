import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { EdgeStatus } from '../ports.ts';
import { type Database, read } from '../store/database.ts';
import { type SeenEdge, saveSeenEdges } from '../store/edge-status.ts';
import type { EdgePositions } from '../store/schema/index.ts';
import type { EdgeTracker } from './edge-tracker.ts';

export interface StatusKeeper {
  /** Called once a second. Never rejects, and is never at work twice. */
  save(): Promise<void>;
}

/** An edge whose positions stand still is written this seldom; its streams say that it is there. */
const unchangedMs = 2_000;

/**
 * Keeps what this replica sees of its edges in the database, for the other replicas and for people.
 * All edges go in one statement.
 */
export function createStatusKeeper(parts: {
  readonly database: Database;
  readonly tracker: EdgeTracker;
  readonly clock: Clock;
  readonly log: Log;
}): StatusKeeper {
  const { database, tracker, clock, log } = parts;
  let saved = new Map<string, { readonly text: string; readonly atMs: number }>();
  let saving = false;
  return {
    async save() {
      if (saving) return;
      saving = true;
      const nowMs = clock();
      const next: typeof saved = new Map();
      const rows: SeenEdge[] = [];
      for (const status of tracker.status()) {
        if (!status.connected) continue;
        const positions = positionsOf(status);
        const text = JSON.stringify([status.softwareVersion, positions]);
        const before = saved.get(status.edgeId);
        const due = before?.text !== text || nowMs - before.atMs >= unchangedMs;
        next.set(status.edgeId, due ? { text, atMs: nowMs } : before);
        const softwareVersion = status.softwareVersion ?? '';
        if (due) rows.push({ id: status.edgeId, lastSeenAtMs: nowMs, softwareVersion, positions });
      }
      try {
        if (rows.length > 0) await read(database, (db) => saveSeenEdges(db, rows));
        saved = next;
      } catch (error) {
        log.debug('publish.status_not_saved', { error });
      } finally {
        saving = false;
      }
    },
  };
}

function positionsOf(status: EdgeStatus): EdgePositions {
  return Object.fromEntries(
    Object.entries(status.lanes).map(([lane, { applied, enforced }]) => [
      lane,
      { applied, enforced },
    ]),
  );
}
