import type { AccessRecord } from '@sallyport/shared/access-record';
import { type Static, Type } from 'typebox';
import { groupingNames } from '../../store/records/count-records.ts';
import { pageQuery } from '../http/paging.ts';
import { closed, idOf, instant, nullable, writtenInstant } from '../http/schemas.ts';

const text = Type.String({ minLength: 1, maxLength: 254 });

/** Which decisions are meant, of a list as of a summary. */
const filters = {
  user: Type.Optional(Type.String({ ...text, description: 'User id or e-mail address.' })),
  device: Type.Optional(idOf('dev')),
  route: Type.Optional(text),
  host: Type.Optional(text),
  outcome: Type.Optional(
    Type.Union([
      Type.Literal('permit'),
      Type.Literal('deny'),
      Type.Literal('sign_in'),
      Type.Literal('step_up'),
      Type.Literal('refused'),
      Type.Literal('own'),
    ]),
  ),
  reason: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9_]{1,128}$',
      description: 'Code of a reason, the deciding one or another.',
    }),
  ),
  rule: Type.Optional(
    Type.String({ minLength: 1, maxLength: 256, description: 'Id of a rule that took part.' }),
  ),
  address: Type.Optional(
    Type.String({
      minLength: 2,
      maxLength: 64,
      description: 'Source address, or a network: 203.0.113.0/24.',
    }),
  ),
  edge: Type.Optional(idOf('edg')),
  correlationId: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,128}$' })),
  from: Type.Optional(writtenInstant),
  to: Type.Optional(writtenInstant),
};

export type FilterQuery = Static<ReturnType<typeof Type.Object<typeof filters>>>;

export const decisionQuery = Type.Object(
  {
    limit: pageQuery.limit,
    cursor: pageQuery.cursor,
    tail: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description:
          'A `tailCursor`, or the `nextCursor` of a page of this kind: what has come in since, ' +
          'oldest first. Not together with `cursor`.',
      }),
    ),
    wait: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 30,
        description: 'With `tail`: seconds to wait where nothing has come in. Default: 0.',
      }),
    ),
    ...filters,
  },
  closed,
);

export const summaryQuery = Type.Object(
  {
    by: Type.Union(
      groupingNames.map((name) => Type.Literal(name)),
      { description: 'What to count by; `reason` is the deciding one.' },
    ),
    limit: pageQuery.limit,
    ...filters,
  },
  closed,
);

export const SummaryBody = Type.Object({
  by: Type.String(),
  from: instant,
  to: nullable(instant),
  items: Type.Array(
    Type.Object({
      key: nullable(Type.String({ description: 'null: the records have none.' })),
      label: nullable(Type.String({ description: 'E-mail address of a user.' })),
      count: Type.Integer(),
      denied: Type.Integer(),
      lastAt: instant,
    }),
  ),
  counted: Type.Integer({ description: 'Records; with `rule` one for each of its rules.' }),
  more: Type.Integer({ description: 'How many there are at the least that are not shown.' }),
  complete: Type.Boolean(),
  countedFrom: nullable(
    Type.String({ description: 'Where time ran out: only what came in since is counted.' }),
  ),
});

/** As the edge wrote it (shared/access-record.ts), and when it came here. */
export const DecisionRecord = Type.Unsafe<AccessRecord & { readonly receivedAt: string }>({
  type: 'object',
  required: ['correlationId', 'time', 'edge', 'outcome', 'reasons', 'receivedAt'],
  properties: {
    correlationId: Type.String(),
    time: instant,
    edge: Type.String(),
    outcome: Type.String(),
    reasons: Type.Array(Type.String()),
    receivedAt: instant,
  },
});

export const DecisionPage = Type.Object({
  items: Type.Array(DecisionRecord),
  nextCursor: Type.Union([Type.String(), Type.Null()], {
    description:
      'null: there are no more. A page may have fewer rows than asked for, or none, and be followed ' +
      'by another: where few of many are asked for it ends when its time is over.',
  }),
  tailCursor: Type.String({ description: 'Where to follow from: `?tail=`.' }),
});

const Reason = Type.Object({ code: Type.String(), detail: Type.Optional(Type.String()) });

export const ExplanationBody = Type.Object({
  correlationId: Type.String(),
  configVersion: Type.Integer(),
  agrees: Type.Boolean({
    description: 'The same outcome, route, reasons and rules as the edge recorded.',
  }),
  differences: Type.Array(Type.String(), { description: 'How they differ, in sentences.' }),
  recorded: Type.Object({
    outcome: Type.String(),
    route: nullable(Type.String()),
    reasons: Type.Array(Type.String()),
    ruleIds: Type.Array(Type.String()),
  }),
  decision: Type.Unsafe<Readonly<Record<string, unknown>>>({
    type: 'object',
    required: ['outcome', 'reasons', 'ruleIds'],
    properties: {
      outcome: Type.String(),
      reasons: Type.Array(Reason),
      ruleIds: Type.Array(Type.String()),
    },
  }),
  trace: Type.Array(Type.Unknown()),
  facts: Type.Unknown(),
  shadow: Type.Unsafe<AccessRecord['shadow']>({
    description: 'What a version that was decided besides came to; null: the same, or none was.',
  }),
});
export type ExplanationBody = Static<typeof ExplanationBody>;
