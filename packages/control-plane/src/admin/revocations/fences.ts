import { longestDenyMs } from '@sallyport/policy';
import type { Lane } from '@sallyport/shared/state/model';
import { edgeLimits } from '@sallyport/shared/sync/edge-limits';
import type { EdgeStatus, Receipts } from '../../ports.ts';
import { writeMsMax } from '../../store/change-log.ts';
import { newestVersionTimes, readBudgetsSince } from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import { type KnownEdge, readKnownEdges } from '../../store/edge-status.ts';

/**
 * When an edge that does not come to know a revocation lets nobody in any more. It knows its lane
 * `revoke` to be complete as of no later than the commit, and closes a route when that is longer ago
 * than the route's `denyAfter`. By which configuration, it may have been the last to hear: those that
 * it may still have all count, and the longest decides.
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
  const versions = new Map(
    edges.map((edge) => {
      const asOfMs = asOfMsOf('config', edge, receipts.edgeStatus(edge.id), nowMs);
      const madeAtMs = asOfMs === null ? Number.NEGATIVE_INFINITY : asOfMs - reportMs;
      return [edge.id, times.find(({ createdAtMs }) => createdAtMs <= madeAtMs)?.version ?? 0];
    }),
  );
  const budgets = await readBudgetsSince(db, Math.min(...versions.values()));
  const longest = new Map<number, number>();
  const longestSince = (version: number): number => {
    const known = longest.get(version) ?? longestOf(budgets, version);
    longest.set(version, known);
    return known;
  };
  return new Map(
    edges.map((edge) => {
      // One that has the rows, and does not say that it enforces them, is heard of all the same.
      const asOfMs = asOfMsOf('revoke', edge, receipts.edgeStatus(edge.id), nowMs);
      const lastMs = Math.max(writtenAtMs, asOfMs ?? writtenAtMs) + slackMs;
      return [edge.id, endMs(lastMs, longestSince(versions.get(edge.id) ?? 0))];
    }),
  );
}

/** The edge's clock may be slow by as much as any is. */
function endMs(lastMs: number, denyAfterMs: number): number | null {
  if (!Number.isFinite(denyAfterMs)) return null;
  const untilMs = lastMs + denyAfterMs * (1 + edgeLimits.clockDrift);
  return Math.ceil(untilMs / 1_000) * 1_000;
}

type Budgets = Awaited<ReturnType<typeof readBudgetsSince>>;

function longestOf(budgets: Budgets, version: number): number {
  const there = budgets.filter(
    ({ untilVersion }) => untilVersion === null || untilVersion > version,
  );
  const saidBy = (kind: string) =>
    there.filter((one) => one.kind === kind).map(({ staleness }) => staleness ?? undefined);
  const settings = saidBy('Settings');
  return longestDenyMs('revoke', settings.length === 0 ? [undefined] : settings, saidBy('Route'));
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
