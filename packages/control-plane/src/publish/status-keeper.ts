import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import type { EdgeStatus } from '../ports.ts';
import { type Database, read } from '../store/database.ts';
import { type SeenEdge, saveSeenEdges } from '../store/edge-status.ts';
import type { EdgePositions, EdgeReportRow } from '../store/schema/index.ts';
import type { Monotonic } from './1-log/follow.ts';
import type { EdgeTracker } from './edge-tracker.ts';
import type { Slices } from './slices.ts';

export interface StatusKeeper {
  /** Called once a second. Never rejects, and is never at work twice. */
  save(): Promise<void>;
}

/** An edge of which nothing changed is written this seldom; its streams say that it is there. */
const unchangedMs = 2_000;
/** So many in one statement; the rest comes with the next. */
const edgesPerStatement = 250;

/**
 * Keeps what this replica sees of its edges in the database, for the other replicas and for people.
 */
export function createStatusKeeper(parts: {
  readonly database: Database;
  readonly tracker: EdgeTracker;
  /** Name of this replica. */
  readonly replica: string;
  readonly slices: Slices;
  readonly clock: Clock;
  readonly monotonic: Monotonic;
  readonly log: Log;
}): StatusKeeper {
  const { database, tracker, replica, slices, clock, monotonic, log } = parts;
  const saved = new Map<string, { readonly text: string; readonly atMs: number }>();
  let saving = false;

  /** The edges that are due, with what is to be written of them. */
  const collect = async (): Promise<Map<SeenEdge, string>> => {
    const due = new Map<SeenEdge, string>();
    const nowMs = clock();
    const statuses = tracker.status();
    const connected = new Set<string>();
    for (const status of statuses) {
      if (!status.connected) continue;
      connected.add(status.edgeId);
      const row = rowOf(status, replica, nowMs, (lane, enforced) => {
        const found = tracker.enforcementOf(status.edgeId, lane, enforced);
        return found === null ? null : monotonic() - found.atMs;
      });
      const text = textOf(row);
      const before = saved.get(row.id);
      if (before?.text !== text || nowMs - before.atMs >= unchangedMs) due.set(row, text);
      await slices.turn();
    }
    for (const edgeId of saved.keys()) if (!connected.has(edgeId)) saved.delete(edgeId);
    return due;
  };

  return {
    async save() {
      if (saving) return;
      saving = true;
      try {
        const due = [...(await collect())];
        for (let at = 0; at < due.length; at += edgesPerStatement) {
          const batch = due.slice(at, at + edgesPerStatement);
          await read(database, (db) =>
            saveSeenEdges(
              db,
              batch.map(([row]) => row),
            ),
          );
          for (const [row, text] of batch) saved.set(row.id, { text, atMs: row.lastSeenAtMs });
        }
      } catch (error) {
        log.debug('publish.status_not_saved', { error });
      } finally {
        saving = false;
      }
    },
  };
}

/** What makes a row worth writing before its time: all but what time itself changes. */
function textOf({ softwareVersion, positions, report }: SeenEdge): string {
  const isOfTime = (name: string): boolean => name === 'stalenessMs' || name === 'saidAtMs';
  return JSON.stringify([softwareVersion, positions, report], (name, value: unknown) =>
    isOfTime(name) ? undefined : value,
  );
}

function rowOf(
  status: EdgeStatus,
  replica: string,
  nowMs: number,
  agoMsOf: (lane: Lane, enforced: Position) => number | null,
): SeenEdge {
  const positions: { -readonly [lane in keyof EdgePositions]: EdgePositions[lane] } = {};
  const reports: {
    -readonly [lane in keyof EdgeReportRow['lanes']]: EdgeReportRow['lanes'][lane];
  } = {};
  const enforcedAgoMs: { -readonly [lane in Lane]?: number } = {};
  for (const lane of lanes) {
    const known = status.lanes[lane];
    // Of the others, the replicas know that carry them.
    if (known === undefined || !known.here) continue;
    const { here: _, applied, enforced, ...report } = known;
    positions[lane] = { applied, enforced };
    reports[lane] = { ...report, saidAtMs: nowMs };
    const agoMs = enforced && agoMsOf(lane, enforced);
    if (agoMs !== null) enforcedAgoMs[lane] = agoMs;
  }
  return {
    id: status.edgeId,
    lastSeenAtMs: nowMs,
    softwareVersion: status.softwareVersion ?? '',
    positions,
    enforcedAgoMs,
    report: {
      replica,
      connectedSinceMs: status.connectedSinceMs,
      lanes: reports,
      carriedBlocks: status.carriedBlocks,
    },
  };
}
