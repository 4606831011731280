import { Type } from 'typebox';
import { closed, idOf, instant, nullable, position, sha256Hex } from '../http/schemas.ts';

export const edgeId = idOf('edg');

export const LaneStatus = Type.Object({
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
    Type.Integer({
      description:
        'Age of its state at the most: as the edge last reported it, and the time since then. Of ' +
        'one that is not connected it grows, although the edge may hear by the bus.',
    }),
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
