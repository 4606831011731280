import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { Static } from 'typebox';
import type { EdgeStatus, Receipts } from '../../ports.ts';
import type { EdgeView } from '../../store/edges.ts';
import type { EdgeLaneReport } from '../../store/schema/index.ts';
import { isoOf, isoOrNull } from '../http/schemas.ts';
import type { Edge, LaneStatus } from './schemas.ts';

/** Without a word for longer, an edge of another replica does not count as connected. */
const seenMsMax = 6_000;

/** What the API shows of an edge: its row, and what this replica sees of it. */
export function presentEdge(
  view: EdgeView,
  receipts: Pick<Receipts, 'edgeStatus' | 'heads' | 'lag'>,
  nowMs: number,
): Static<typeof Edge> {
  const { edge, blocked } = view;
  const status = receipts.edgeStatus(edge.id);
  const here = status?.connected === true;
  const leftAtMs = status?.lastSeenAtMs ?? 0;
  const savedAtMs = edge.lastSeenAtMs ?? 0;
  const elsewhere = savedAtMs > leftAtMs && nowMs - savedAtMs < seenMsMax;
  return {
    id: edge.id,
    region: edge.region,
    labels: { ...edge.labels },
    connected: here || elsewhere,
    connectedSince: isoOrNull(
      (here ? status : elsewhere ? edge.report : null)?.connectedSinceMs ?? null,
    ),
    replica: edge.report?.replica ?? null,
    blocked,
    softwareVersion: status?.softwareVersion ?? (edge.softwareVersion || null),
    lastSeenAt: isoOrNull(Math.max(leftAtMs, savedAtMs) || null),
    lanes: lanesOf(edge, status, receipts, nowMs),
    alarms: alarmsOf(edge, status),
    carriedBlocks: status?.carriedBlocks ?? edge.report?.carriedBlocks ?? 0,
    certificate: { sha256: edge.identitySha256, notAfter: isoOf(edge.identityNotAfterMs) },
    joinedAt: isoOf(edge.joinedAtMs),
    renewedAt: isoOf(edge.renewedAtMs),
  };
}

const nothingSaid = {
  nack: null,
  held: false,
  path: null,
  stalenessMs: null,
  digestAgrees: null,
} as const;

/** A lane is as the replica knows it that carries it; its positions are the furthest known. */
function lanesOf(
  edge: EdgeView['edge'],
  status: EdgeStatus | null,
  { heads, lag }: Pick<Receipts, 'heads' | 'lag'>,
  nowMs: number,
): Static<typeof Edge>['lanes'] {
  const shown: { [lane in Lane]?: Static<typeof LaneStatus> } = {};
  for (const lane of lanes) {
    const live = status?.lanes[lane];
    const saved = edge.positions?.[lane];
    const said = agedReport(edge, lane, nowMs);
    if (live === undefined && saved === undefined) continue;
    const { nack, held, path, stalenessMs, digestAgrees } =
      (live?.here === true ? live : (said ?? live)) ?? nothingSaid;
    const enforced = further(live?.enforced ?? null, saved?.enforced ?? null);
    const { revisions, ms } = lag(lane, enforced);
    const head = heads().get(lane);
    shown[lane] = {
      applied: further(live?.applied ?? null, saved?.applied ?? null),
      enforced,
      head: head === undefined ? null : { epoch: head.epoch, rev: head.rev },
      lagRevisions: revisions,
      lagMs: ms,
      stalenessMs,
      digestAgrees,
      path,
      nack,
      held,
    };
  }
  return shown;
}

/** What another replica wrote down of a lane; its age goes on since then. */
function agedReport(
  { report, lastSeenAtMs }: EdgeView['edge'],
  lane: Lane,
  nowMs: number,
): EdgeLaneReport | undefined {
  const said = report?.lanes[lane];
  if (said === undefined || said.stalenessMs === null) return said;
  const sinceMs = Math.max(0, nowMs - (said.saidAtMs ?? lastSeenAtMs ?? nowMs));
  return { ...said, stalenessMs: said.stalenessMs + sinceMs };
}

/** The sum over the lanes, each as the replica knows it that carries it. */
function alarmsOf(
  { report }: EdgeView['edge'],
  status: EdgeStatus | null,
): Static<typeof Edge>['alarms'] {
  const sums: Record<string, number> = {};
  for (const lane of lanes) {
    const live = status?.lanes[lane];
    const { alarms = {} } = (live?.here === true ? live : report?.lanes[lane]) ?? {};
    for (const [name, count] of Object.entries(alarms)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

function further(one: Position | null, other: Position | null): Position | null {
  if (one === null || other === null) return one ?? other;
  return comparePositions(one, other) >= 0 ? one : other;
}
