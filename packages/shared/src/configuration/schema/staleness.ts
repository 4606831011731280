import { Type } from 'typebox';
import { closed } from './common.ts';

const threshold = Type.String({
  pattern: '^(serve|[1-9][0-9]{0,5}[smhd])$',
  description: 'a duration such as 90s, 15m, 12h or 7d, or the word serve',
});
/** What is left out is as in the settings, or the default. */
const laneBudget = Type.Union([
  Type.Literal('serve'),
  Type.Object(
    {
      /** Age of the lane from which on those who signed in before must confirm that. */
      stepUpAfter: Type.Optional(threshold),
      /** From which on nobody is sent to sign in any more. */
      denyNewSessionsAfter: Type.Optional(threshold),
      /** From which on nobody is let in. */
      denyAfter: Type.Optional(threshold),
    },
    { ...closed, minProperties: 1 },
  ),
]);

/** How old what an edge knows may be. `serve`, written out: without end. */
export const staleness = Type.Object(
  {
    revoke: Type.Optional(laneBudget),
    signals: Type.Optional(laneBudget),
    config: Type.Optional(laneBudget),
    directory: Type.Optional(laneBudget),
  },
  {
    ...closed,
    minProperties: 1,
    description: 'How old what an edge knows may be, by lane; serve: without end.',
  },
);
