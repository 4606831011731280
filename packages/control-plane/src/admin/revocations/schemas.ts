import type { PathName } from '@sallyport/shared/sync/messages';
import { type Static, Type } from 'typebox';
import type { RevocationRow } from '../../store/revocations.ts';
import {
  closed,
  documentName,
  idOf,
  instant,
  isoOf,
  isoOrNull,
  label,
  nullable,
  position,
  sha256Hex,
} from '../http/schemas.ts';

const pathNames: readonly PathName[] = ['grpc', 'standby', 'nats', 'disk'];

const effect = Type.Union([Type.Literal('end'), Type.Literal('block')]);

const byId = <Kind extends string, Id extends ReturnType<typeof idOf>>(kind: Kind, id: Id) =>
  Type.Object({ kind: Type.Literal(kind), id }, closed);

/** What to revoke; the member `kind` tells the others. */
export type Target =
  | { readonly kind: 'session' | 'device' | 'certificate' | 'edge'; readonly id: string }
  | { readonly kind: 'user'; readonly id?: string; readonly email?: string }
  | { readonly kind: 'service'; readonly name: string }
  | { readonly kind: 'everyone' };

const Target = Type.Unsafe<Target>({
  type: 'object',
  required: ['kind'],
  discriminator: { propertyName: 'kind' },
  oneOf: [
    byId('session', idOf('ses')),
    byId('device', idOf('dev')),
    byId('certificate', sha256Hex),
    byId('edge', idOf('edg')),
    Type.Object(
      {
        kind: Type.Literal('user'),
        id: Type.Optional(idOf('usr')),
        email: Type.Optional(Type.String({ minLength: 3, maxLength: 254 })),
      },
      { ...closed, minProperties: 2, maxProperties: 2 },
    ),
    Type.Object(
      { kind: Type.Literal('service'), name: documentName },
      { ...closed, description: 'A ServiceIdentity, by its name.' },
    ),
    Type.Object({ kind: Type.Literal('everyone') }, closed),
  ],
});

export const NewRevocation = Type.Object(
  {
    target: Target,
    effect: Type.Optional(
      Type.Union([Type.Literal('end'), Type.Literal('block')], {
        description: 'Default: `end` for session and everyone, `block` for the rest.',
      }),
    ),
    reason: label(512),
    expiresInSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 31_536_000, description: 'Of a block.' }),
    ),
  },
  closed,
);

export const waitQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Literal('enforced', {
        description: 'Answer when every edge enforces it: 5 s at the most, then 202.',
      }),
    ),
  },
  closed,
);

const Receipt = Type.Object({
  edgeId: Type.String(),
  region: Type.String(),
  status: Type.Union([Type.Literal('enforced'), Type.Literal('unreachable')]),
  tookMs: nullable(Type.Number()),
  path: nullable(
    Type.Unsafe<PathName>({
      type: 'string',
      enum: pathNames,
      description: 'By which way the revision came to the edge first.',
    }),
  ),
  fencedBy: Type.Optional(
    nullable(
      Type.String({
        description:
          'RFC 3339. Of an edge that has not confirmed a revocation: by then it lets nobody in any ' +
          'more, on any route, unless it gets the revocation. null: never, because a route that it ' +
          'may have serves without end (`staleness`). Absent where it could not be found out.',
      }),
    ),
  ),
});

export const targetKind = Type.Union([
  Type.Literal('session'),
  Type.Literal('user'),
  Type.Literal('device'),
  Type.Literal('certificate'),
  Type.Literal('service'),
  Type.Literal('edge'),
  Type.Literal('everyone'),
]);

export const Revocation = Type.Object({
  id: idOf('rev'),
  target: Type.Object({
    kind: targetKind,
    id: nullable(Type.String({ description: 'Of a service its name.' })),
  }),
  effect,
  reason: Type.String(),
  createdBy: Type.String(),
  createdAt: instant,
  expiresAt: nullable(instant),
  liftedAt: nullable(instant),
  liftedBy: nullable(Type.String()),
});

/** A revocation as it is read; of one that is in force, also what the edges have made of it by now. */
export const RevocationNow = Type.Object({
  ...Revocation.properties,
  enforced: Type.Optional(Type.Boolean({ description: 'Every edge confirmed it.' })),
  receipts: Type.Optional(Type.Array(Receipt)),
});

/** The answer to a revocation or a lift: also where it stands in the `revoke` lane. */
export const CommittedRevocation = Type.Object({
  ...Revocation.properties,
  position: nullable(position),
  enforced: Type.Boolean({ description: 'Every edge confirmed it. Only with ?wait=enforced.' }),
  receipts: Type.Array(Receipt),
});

/** What the API shows of a revocation. */
export function presentRevocation(row: RevocationRow): Static<typeof Revocation> {
  return {
    id: row.id,
    target: { kind: row.target, id: row.subjectId === '' ? null : row.subjectId },
    effect: row.effect,
    reason: row.reason,
    createdBy: row.createdBy,
    createdAt: isoOf(row.createdAtMs),
    expiresAt: isoOrNull(row.expiresAtMs),
    liftedAt: isoOrNull(row.liftedAtMs),
    liftedBy: row.liftedBy,
  };
}
