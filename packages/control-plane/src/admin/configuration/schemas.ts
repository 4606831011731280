import { type ConfigurationDocument, kinds } from '@sallyport/shared/configuration/documents';
import { type Static, Type } from 'typebox';
import type { VersionSummary } from '../../store/configuration.ts';
import { closed, instant, isoOf, nullable, position } from '../http/schemas.ts';

/** One of the kinds, told by `kind`: the schemas that edges and the CLI validate with too. */
const Document = Type.Unsafe<ConfigurationDocument>({
  type: 'object',
  required: ['kind'],
  discriminator: { propertyName: 'kind' },
  oneOf: Object.values(kinds),
});

const kind = Type.Union([
  Type.Literal('Route'),
  Type.Literal('Policy'),
  Type.Literal('IdentityProvider'),
  Type.Literal('TrustBundle'),
  Type.Literal('Settings'),
]);
const name = Type.String({ minLength: 1, maxLength: 63 });

export const NewConfiguration = Type.Object(
  {
    documents: Type.Optional(Type.Array(Document, { maxItems: 10_000 })),
    yaml: Type.Optional(
      Type.String({ description: 'Documents as YAML text, instead of `documents`.' }),
    ),
    delete: Type.Optional(Type.Array(Type.Object({ kind, name }, closed), { maxItems: 10_000 })),
    prune: Type.Optional(Type.Boolean({ description: 'Drop every document that is not given.' })),
    message: Type.Optional(Type.String({ maxLength: 2_048, pattern: String.raw`^[^\0]*$` })),
    dryRun: Type.Optional(Type.Boolean({ description: 'Check and compare, change nothing.' })),
  },
  closed,
);

const Change = Type.Object({
  kind,
  name,
  change: Type.Union([Type.Literal('created'), Type.Literal('updated'), Type.Literal('deleted')]),
});

export const Applied = Type.Object({
  version: Type.Integer({ description: 'The version that edges decide by from here on.' }),
  changed: Type.Array(Change, { description: 'None: the set is the live one already.' }),
  position: nullable(position),
  dryRun: Type.Boolean(),
});

export const LiveConfiguration = Type.Object({
  version: Type.Integer({ description: '0: nothing was applied yet.' }),
  documents: Type.Array(Document),
});

export const Version = Type.Object({
  version: Type.Integer(),
  author: Type.String(),
  message: Type.String(),
  changed: Type.Array(Change),
  createdAt: instant,
});

export const VersionWithDocuments = Type.Object({
  ...Version.properties,
  documents: Type.Array(Document),
});

/** What the API shows of a version. */
export function presentVersion(row: VersionSummary): Static<typeof Version> {
  return {
    version: row.version,
    author: row.author,
    message: row.message,
    changed: row.changes.map((change) => ({ ...change })),
    createdAt: isoOf(row.createdAtMs),
  };
}
