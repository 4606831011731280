import { DocumentTest } from '@sallyport/shared/configuration/schema/tests';
import { type Static, Type } from 'typebox';
import { NewConfiguration } from '../configuration/schemas.ts';
import {
  closed,
  documentName,
  instant,
  nullable,
  position,
  writtenInstant,
} from '../http/schemas.ts';

const version = Type.Integer({ minimum: 1 });

/** What is tried out; with none of these it is the live version. */
const candidate = {
  version: Type.Optional(version),
  yaml: NewConfiguration.properties.yaml,
  documents: NewConfiguration.properties.documents,
  prune: NewConfiguration.properties.prune,
};

const { name: _, description: __, expect: ___, ...asked } = DocumentTest.properties;

export const SimulateBody = Type.Object(
  {
    ...candidate,
    request: Type.Object(asked, {
      ...closed,
      description: 'As in the tests of documents; `at`: now unless given.',
    }),
  },
  closed,
);

const strings = Type.Array(Type.String());

const Decision = Type.Unsafe<Readonly<Record<string, unknown>>>({
  type: 'object',
  required: ['outcome', 'route', 'reasons', 'ruleIds'],
});

export const Simulated = Type.Object({
  version: nullable(Type.Integer({ description: 'null: documents that were given.' })),
  outcome: Type.String({ description: '`refused`: an edge would not look at the address.' }),
  problem: nullable(Type.String()),
  decision: nullable(Decision),
  trace: Type.Array(Type.Unknown()),
  facts: Type.Unknown(),
});

/** Records that one replay reads at the most. */
const replayRecordsMax = 100_000;

export const ReplayBody = Type.Object(
  {
    ...candidate,
    against: Type.Optional(
      Type.Integer({ minimum: 1, description: 'What to compare with. Default: the live version.' }),
    ),
    since: Type.Optional(writtenInstant),
    until: Type.Optional(writtenInstant),
    route: Type.Optional(documentName),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: replayRecordsMax,
        description: 'Records to read at the most, the newest. Default: 10,000.',
      }),
    ),
  },
  closed,
);

const counted = { requests: Type.Integer(), examples: strings };

const Difference = Type.Object({
  requests: Type.Integer(),
  users: Type.Integer({ description: 'Where nobody was signed in, devices count.' }),
  byUser: Type.Array(
    Type.Object({
      user: nullable(Type.String()),
      email: nullable(Type.String()),
      device: nullable(Type.String()),
      ...counted,
    }),
  ),
  byRoute: Type.Array(Type.Object({ route: nullable(Type.String()), ...counted })),
  byRule: Type.Array(
    Type.Object({
      rule: Type.String(),
      side: Type.Union([Type.Literal('live'), Type.Literal('candidate')], {
        description: 'Whose verdict the rule made.',
      }),
      ...counted,
    }),
  ),
  byReason: Type.Array(Type.Object({ reason: Type.String(), ...counted })),
  more: Type.Object(
    { users: Type.Integer(), routes: Type.Integer(), rules: Type.Integer() },
    { description: 'Rows that are left out of the lists.' },
  ),
});

const differences = {
  gained: Difference,
  lost: Difference,
  askedMore: Difference,
  askedLess: Difference,
  other: Type.Integer({ description: 'Neither lets them in, and says it otherwise.' }),
};

export const Replayed = Type.Object({
  candidate: nullable(Type.Integer({ description: 'null: documents that were given.' })),
  against: Type.Integer(),
  since: instant,
  until: instant,
  read: Type.Integer(),
  decided: Type.Integer(),
  same: Type.Integer(),
  failed: Type.Integer({ description: 'Recorded facts that cannot be decided on.' }),
  complete: Type.Boolean({ description: 'Every record of the window was read.' }),
  stopped: nullable(Type.Union([Type.Literal('limit'), Type.Literal('time')])),
  headersNotRecorded: Type.Array(Type.String(), {
    description:
      'Headers that the candidate looks at and the other version does not: its verdicts are those on requests without them.',
  }),
  ...differences,
});

const ring = Type.Optional(documentName);

export const ShadowBody = Type.Object({ version, ring }, closed);
export const shadowQuery = Type.Object({ ring }, closed);

export const Shadow = Type.Object({
  ring: Type.String(),
  version: Type.Integer({ description: 'What the edges of the ring decide by.' }),
  shadowVersion: nullable(Type.Integer({ description: 'What they decide besides.' })),
});
export type Shadow = Static<typeof Shadow>;

export const ShadowSet = Type.Object({ ...Shadow.properties, position: nullable(position) });
export const Shadows = Type.Object({ items: Type.Array(Shadow) });

export const shadowReportQuery = Type.Object(
  {
    version: Type.Optional(version),
    since: Type.Optional(writtenInstant),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: replayRecordsMax })),
  },
  closed,
);

export const ShadowReport = Type.Object({
  version: Type.Integer(),
  since: nullable(instant),
  read: Type.Integer({ description: 'Requests that differ; no others are recorded as such.' }),
  complete: Type.Boolean(),
  ...differences,
});
