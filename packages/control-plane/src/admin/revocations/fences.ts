import type { Lane, Position } from '@sallyport/shared/state/model';
import { edgeLimits } from '@sallyport/shared/sync/edge-limits';
import type { EdgeStatus, Receipts } from '../../ports.ts';
import { readComplete, writeMsMax } from '../../store/change-log.ts';
import { longestToClose, newestVersionTimes } from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import { type KnownEdge, readKnownEdges } from '../../store/edge-status.ts';

/**
 * When an edge that does not come to know a revocation lets nobody in any more. It knows its lane
 * `revoke` to be complete as of no later than the commit, and closes a route when that is longer ago
 * than the route's `denyAfter`. By which configuration, it may have been the last to hear: those that
 * it may still have all count, and the longest decides. Of rows that an edge refuses it has the rows
 * and decides by those before, so what it enforces counts, not what it has.
 */

/**
 * From the start of a write to its end, and by how much an edge may take its state for younger than
 * it is: the delay of a stream's first heartbeat (docs/protocol.md, "Heartbeats").
 */
const slackMs = writeMsMax + edgeLimits.lateMs;
/** A stream may be dead for a while, and what an edge reported old, before we notice. */
const reportMs = 600_000;
/** Before the oldest of these, all count. */
const versionsMax = 1_000;

/** Instants by edge, rounded up to the next second; null: it never closes by itself. */
export type Fences = ReadonlyMap<string, number | null>;

/** Of all edges that take part, for what was written at `writtenAtMs`. */
export async function readFences(
  db: Executor,
  receipts: Pick<Receipts, 'edgeStatus'>,
  writtenAtMs: number,
  nowMs: number,
): Promise<Fences> {
  const edges = await readKnownEdges(db, nowMs);
  if (edges.length === 0) return new Map();
  const times = await newestVersionTimes(db, versionsMax);
  const currentAtMs = await readConfigTimes(db, receipts, edges, nowMs);
  const versions = new Map(
    edges.map(({ id }) => {
      const madeAtMs = currentAtMs.get(id) ?? Number.NEGATIVE_INFINITY;
      return [id, times.find(({ createdAtMs }) => createdAtMs <= madeAtMs)?.version ?? 0];
    }),
  );
  const longest = new Map<number, number>();
  for (const version of new Set(versions.values())) {
    longest.set(version, await longestToClose(db, version));
  }
  return new Map(
    edges.map((edge) => {
      // One that has the rows, and does not say that it enforces them, is heard of all the same.
      const asOfMs = asOfMsOf('revoke', edge, receipts.edgeStatus(edge.id), nowMs);
      const lastMs = Math.max(writtenAtMs, asOfMs ?? writtenAtMs) + slackMs;
      return [edge.id, endMs(lastMs, longest.get(versions.get(edge.id) ?? 0) ?? Infinity)];
    }),
  );
}

/** As of when edges are known to decide by the configuration of that time, or a later one. */
async function readConfigTimes(
  db: Executor,
  receipts: Pick<Receipts, 'edgeStatus'>,
  edges: readonly KnownEdge[],
  nowMs: number,
): Promise<ReadonlyMap<string, number>> {
  const asked = edges.flatMap((edge) => {
    const status = receipts.edgeStatus(edge.id);
    const asOfMs = asOfMsOf('config', edge, status, nowMs);
    const position = enforcedOf('config', edge, status);
    if (asOfMs === null || position === null) return [];
    return [{ id: edge.id, position, atMs: asOfMs - reportMs }];
  });
  const complete = await readComplete(db, 'config', asked);
  return new Map(
    asked.filter((_, index) => complete[index] === true).map(({ id, atMs }) => [id, atMs]),
  );
}

function enforcedOf(lane: Lane, edge: KnownEdge, status: EdgeStatus | null): Position | null {
  const live = status?.lanes[lane];
  return (live?.here === true ? live : edge.positions?.[lane])?.enforced ?? null;
}

/** The edge's clock may be slow by as much as any is. */
function endMs(lastMs: number, denyAfterMs: number): number | null {
  if (!Number.isFinite(denyAfterMs)) return null;
  const untilMs = lastMs + denyAfterMs * (1 + edgeLimits.clockDrift);
  return Math.ceil(untilMs / 1_000) * 1_000;
}

/**
 * As of when the edge last said that its lane is complete, or later; null: nothing is known, or it
 * refused some of the lane.
 */
function asOfMsOf(
  lane: Lane,
  edge: KnownEdge,
  status: EdgeStatus | null,
  nowMs: number,
): number | null {
  const live = status?.lanes[lane];
  const said = live?.here === true ? live : edge.report?.lanes[lane];
  const saidAtMs = live?.here === true ? nowMs : edge.lastSeenAtMs;
  if (said === undefined || saidAtMs === null) return null;
  if (said.nack !== null || said.stalenessMs === null) return null;
  return saidAtMs - said.stalenessMs;
}
