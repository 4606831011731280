import { type ConfigurationDocument, kinds } from '@sallyport/shared/configuration/documents';
import { type Static, Type } from 'typebox';
import { shareOf } from '../../releases/blast-radius.ts';
import type { VersionSummary } from '../../store/configuration.ts';
import type { MeasuredEffect } from '../../store/schema/index.ts';
import { closed, instant, isoOf, nullable, position } from '../http/schemas.ts';

/** One of the kinds, told by `kind`: the schemas that edges and the CLI validate with too. */
const Document = Type.Unsafe<ConfigurationDocument>({
  type: 'object',
  required: ['kind'],
  discriminator: { propertyName: 'kind' },
  oneOf: Object.values(kinds),
});

const kind = Type.Enum([
  'Route',
  'Policy',
  'IdentityProvider',
  'TrustBundle',
  'ServiceIdentity',
  'Settings',
]);
const name = Type.String({ minLength: 1, maxLength: 63 });
const text = Type.String({ maxLength: 2_048, pattern: String.raw`^[^\0]*$` });
const confirm = Type.Optional(
  Type.Boolean({
    description:
      'That users may lose access, as a refusal with blast_radius_exceeded said. Another person ' +
      'has to approve it then.',
  }),
);

export const NewConfiguration = Type.Object(
  {
    documents: Type.Optional(Type.Array(Document, { maxItems: 10_000 })),
    yaml: Type.Optional(
      Type.String({ description: 'Documents as YAML text, instead of `documents`.' }),
    ),
    delete: Type.Optional(Type.Array(Type.Object({ kind, name }, closed), { maxItems: 10_000 })),
    prune: Type.Optional(Type.Boolean({ description: 'Drop every document that is not given.' })),
    message: Type.Optional(text),
    dryRun: Type.Optional(Type.Boolean({ description: 'Check and compare, change nothing.' })),
    mode: Type.Optional(
      Type.Enum(['release', 'candidate'], {
        description: 'candidate: edges get it and decide by it only where a rollout says so.',
      }),
    ),
    confirm,
  },
  closed,
);

export const Return = Type.Object(
  {
    toVersion: Type.Integer({ minimum: 1, description: 'It was released to every edge before.' }),
    message: Type.Optional(text),
    confirm,
  },
  closed,
);

export const NewReview = Type.Object({ comment: Type.Optional(text) }, closed);

const Change = Type.Object({
  kind,
  name,
  change: Type.Enum(['created', 'updated', 'deleted']),
});

const DocumentDiff = Type.Object({
  ...Change.properties,
  diff: Type.String({ description: 'Unified, of the document as YAML.' }),
});

const state = Type.Enum(
  ['proposed', 'candidate', 'releasing', 'released', 'rolled_back', 'refused'],
  {
    description:
      'proposed: another person has to approve it. candidate: without effect. releasing: in a ' +
      'rollout. released: it was what all edges decide by; `live` says whether it is so now.',
  },
);

const needsApproval = Type.Array(Type.Enum(['setting', 'blast_radius', 'guards']), {
  description: 'Why another person has to approve it; none: nobody has to.',
});

const Affected = Type.Object(
  {
    active: Type.Integer({ description: 'Users whom the live version let through lately.' }),
    lose: Type.Integer({ description: 'Those whom this version denies what they did.' }),
    share: Type.Number(),
    limit: nullable(Type.Number({ description: 'The share that may; null: any.' })),
    windowSeconds: Type.Integer({ description: 'How far back requests were looked at.' }),
    sampled: Type.Boolean({ description: 'There were more than are looked at.' }),
    examples: Type.Array(
      Type.Object({
        user: Type.String(),
        email: nullable(Type.String()),
        correlationId: Type.String(),
        route: nullable(Type.String()),
        method: Type.String(),
        host: Type.String(),
        path: Type.String(),
        reason: Type.String(),
      }),
    ),
  },
  { description: 'Who would lose access, by recorded requests.' },
);

export const Applied = Type.Object({
  version: Type.Integer({ description: 'The new version; the live one where nothing changed.' }),
  state,
  changed: Type.Array(Change, { description: 'None: the set is the live one already.' }),
  needsApproval,
  affected: nullable(Affected),
  diff: nullable(Type.Array(DocumentDiff, { description: 'In a dry run.' })),
  position: nullable(position),
  dryRun: Type.Boolean(),
});

export const LiveConfiguration = Type.Object({
  version: Type.Integer({ description: '0: nothing was applied yet.' }),
  documents: Type.Array(Document),
});

export const Version = Type.Object({
  version: Type.Integer(),
  base: nullable(Type.Integer({ description: 'The version that was live when it was made.' })),
  restores: nullable(Type.Integer({ description: 'The older version that it is equal to.' })),
  state,
  stateReason: nullable(Type.String()),
  live: Type.Boolean(),
  author: Type.String(),
  message: Type.String(),
  changed: Type.Array(Change),
  needsApproval,
  affected: nullable(Affected),
  review: nullable(
    Type.Object({
      verdict: Type.Enum(['approved', 'rejected']),
      by: Type.String(),
      comment: Type.String(),
      at: instant,
    }),
  ),
  createdAt: instant,
});

export const VersionWithDocuments = Type.Object({
  ...Version.properties,
  documents: Type.Array(Document),
});

export const Reviewed = Type.Object({ version: Version, position: nullable(position) });

export const VersionDiff = Type.Object({
  version: Type.Integer(),
  against: nullable(Type.Integer({ description: 'null: nothing was there before.' })),
  documents: Type.Array(DocumentDiff),
});

/** What the API shows of a version. `live`: the version that is. */
export function presentVersion(row: VersionSummary, live: number | null): Static<typeof Version> {
  const { version, base, restores, state, stateReason, author, message, review } = row;
  return {
    version,
    base,
    restores,
    state,
    stateReason,
    live: version === live,
    author,
    message,
    changed: row.changes.map((change) => ({ ...change })),
    needsApproval: [...row.needsApproval],
    affected: presentAffected(row.affected),
    review:
      review === null
        ? null
        : {
            verdict: review.verdict,
            by: review.by,
            comment: review.comment,
            at: isoOf(review.atMs),
          },
    createdAt: isoOf(row.createdAtMs),
  };
}

/** What the API shows of who would lose access. */
export function presentAffected(effect: MeasuredEffect | null): Static<typeof Affected> | null {
  if (effect === null) return null;
  const { active, lose, limit, windowMs, sampled, examples } = effect;
  return {
    active,
    lose,
    share: shareOf(effect),
    limit,
    windowSeconds: windowMs / 1_000,
    sampled,
    examples: examples.map((example) => ({ ...example })),
  };
}
