import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import { comparePositions } from '@sallyport/shared/sync/position';
import { type Static, Type } from 'typebox';
import type { EdgeStatus, Receipts } from '../../ports.ts';
import type { EdgeView } from '../../store/edges.ts';
import {
  closed,
  idOf,
  instant,
  isoOf,
  isoOrNull,
  nullable,
  position,
  sha256Hex,
} from '../http/schemas.ts';

export const edgeId = idOf('edg');

const LaneStatus = Type.Object({
  applied: nullable(position),
  enforced: nullable(position),
  head: nullable(position),
  lagRevisions: nullable(
    Type.Integer({ description: 'Behind the head; null: of another history, or not known.' }),
  ),
  lagMs: nullable(
    Type.Integer({ description: 'Since the first missing revision came; null: not known.' }),
  ),
  stalenessMs: nullable(
    Type.Integer({ description: 'Age of its state as the edge last reported it.' }),
  ),
  digestAgrees: nullable(
    Type.Boolean({ description: 'Whether its rows are ours, as the edge last compared them.' }),
  ),
  path: nullable(
    Type.Union(
      [Type.Literal('grpc'), Type.Literal('standby'), Type.Literal('nats'), Type.Literal('disk')],
      { description: 'By which way the revision came first that it enforced last.' },
    ),
  ),
  nack: nullable(Type.Object({ code: Type.String(), detail: Type.String() })),
  held: Type.Boolean({ description: 'It refused what would come next, so nothing is sent.' }),
});

export const Edge = Type.Object({
  id: edgeId,
  region: Type.String(),
  labels: Type.Record(Type.String(), Type.String()),
  connected: Type.Boolean({ description: 'It has streams, here or at another replica.' }),
  replica: nullable(Type.String({ description: 'The replica that last wrote down its streams.' })),
  connectedSince: nullable(instant),
  blocked: Type.Boolean(),
  softwareVersion: nullable(Type.String()),
  lastSeenAt: nullable(instant),
  lanes: Type.Partial(
    Type.Object({
      revoke: LaneStatus,
      signals: LaneStatus,
      config: LaneStatus,
      directory: LaneStatus,
    }),
  ),
  alarms: Type.Record(Type.String(), Type.Integer(), {
    description: 'What it noticed since its process began: refusals by code, and others by name.',
  }),
  carriedBlocks: Type.Integer({
    description: 'Blocks of a lost history that it still enforces.',
  }),
  certificate: Type.Object({ sha256: sha256Hex, notAfter: instant }),
  joinedAt: instant,
  renewedAt: instant,
});

export const NewJoinToken = Type.Object(
  {
    expiresInSeconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: 604_800, description: 'Default: 3600.' }),
    ),
  },
  closed,
);

export const JoinToken = Type.Object({
  token: Type.String({ description: 'Shown once. Good for one edge.' }),
  expiresAt: instant,
});

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
    connectedSince: isoOrNull(status?.connectedSinceMs ?? null),
    replica: edge.report?.replica ?? null,
    blocked,
    softwareVersion: status?.softwareVersion ?? (edge.softwareVersion || null),
    lastSeenAt: isoOrNull(Math.max(leftAtMs, savedAtMs) || null),
    lanes: lanesOf(edge, status, receipts),
    alarms: { ...edge.report?.alarms, ...(here ? status.alarms : {}) },
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
): Static<typeof Edge>['lanes'] {
  const shown: { [lane in Lane]?: Static<typeof LaneStatus> } = {};
  for (const lane of lanes) {
    const live = status?.lanes[lane];
    const saved = edge.positions?.[lane];
    const said = edge.report?.lanes[lane];
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

function further(one: Position | null, other: Position | null): Position | null {
  if (one === null || other === null) return one ?? other;
  return comparePositions(one, other) >= 0 ? one : other;
}
