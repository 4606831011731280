import { type Lane, lanes } from '@sallyport/shared/state/model';
import { type Static, Type } from 'typebox';
import type { EdgeLaneStatus, EdgeStatus } from '../../ports.ts';
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
  nack: nullable(Type.Object({ code: Type.String(), detail: Type.String() })),
});

export const Edge = Type.Object({
  id: edgeId,
  region: Type.String(),
  labels: Type.Record(Type.String(), Type.String()),
  connected: Type.Boolean({ description: 'Its streams are on this replica.' }),
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

/** What the API shows of an edge: its row, and what this replica sees of it. */
export function presentEdge(
  { edge, blocked }: EdgeView,
  status: EdgeStatus | undefined,
): Static<typeof Edge> {
  return {
    id: edge.id,
    region: edge.region,
    labels: { ...edge.labels },
    connected: status?.connected ?? false,
    connectedSince: isoOrNull(status?.connectedSinceMs ?? null),
    blocked,
    softwareVersion: status?.softwareVersion ?? (edge.softwareVersion || null),
    lastSeenAt: isoOrNull(status?.lastSeenAtMs ?? edge.lastSeenAtMs),
    lanes: lanesOf({ edge, blocked }, status),
    certificate: { sha256: edge.identitySha256, notAfter: isoOf(edge.identityNotAfterMs) },
    joinedAt: isoOf(edge.joinedAtMs),
    renewedAt: isoOf(edge.renewedAtMs),
  };
}

function lanesOf({ edge }: EdgeView, status: EdgeStatus | undefined) {
  const shown: { [lane in Lane]?: EdgeLaneStatus } = {};
  for (const lane of lanes) {
    const live = status?.lanes[lane];
    const saved = edge.positions?.[lane];
    if (live !== undefined) shown[lane] = live;
    else if (saved !== undefined) shown[lane] = { ...saved, nack: null };
  }
  return shown;
}
