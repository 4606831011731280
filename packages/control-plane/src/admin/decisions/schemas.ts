import type { AccessRecord } from '@sallyport/shared/access-record';
import { type Static, Type } from 'typebox';
import { pageQuery } from '../http/paging.ts';
import { closed, idOf, instant, nullable } from '../http/schemas.ts';

const text = Type.String({ minLength: 1, maxLength: 254 });

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
  },
  closed,
);

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
  nextCursor: nullable(Type.String()),
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
