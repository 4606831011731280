import { Type } from 'typebox';
import { closed, duration, name, note, strings } from './common.ts';
import { conditionFields } from './conditions.ts';
import { documentTests } from './tests.ts';

/** Rules in one list and in all of a set (set.ts). */
export const rulesMax = 10_000;

const rule = { name, description: Type.Optional(note), ...conditionFields };

const allowRule = Type.Object(
  {
    ...rule,
    anonymous: Type.Optional(Type.Literal(true, { description: 'Nobody needs to be signed in.' })),
  },
  closed,
);
const stepUpRule = Type.Object(
  {
    ...rule,
    require: Type.Object(
      {
        maxAge: Type.Optional(duration),
        amr: Type.Optional(strings(32)),
      },
      { ...closed, minProperties: 1, description: 'What the sign-in must be.' },
    ),
  },
  closed,
);

export const PolicySpec = Type.Object(
  {
    allow: Type.Optional(
      Type.Array(allowRule, {
        maxItems: rulesMax,
        description: 'What is let through. Nothing passes unless one of these says so.',
      }),
    ),
    deny: Type.Optional(
      Type.Array(Type.Object(rule, closed), {
        maxItems: rulesMax,
        description: 'What is refused, whatever is allowed.',
      }),
    ),
    stepUp: Type.Optional(
      Type.Array(stepUpRule, {
        maxItems: rulesMax,
        description: 'What needs a fresh or stronger sign-in.',
      }),
    ),
    conditions: Type.Optional(
      Type.Array(Type.Object(rule, { ...closed, minProperties: 2 }), {
        maxItems: 1000,
        description: 'Conditions with a name, for rules here and in other policies.',
      }),
    ),
    tests: Type.Optional(documentTests),
  },
  closed,
);
