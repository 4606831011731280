import { Type } from 'typebox';
import { closed, duration, name, oneOf } from './common.ts';

const pace = {
  requests: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  window: duration,
  /** How many may come at once after a rest. Default: `requests`. */
  burst: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
};

/** What is over a limit is answered with 429. */
export const rateLimits = Type.Array(
  Type.Object({ name, per: oneOf('user', 'device', 'address', 'route'), ...pace }, closed),
  { maxItems: 8, description: 'How many requests an edge serves in a time, and to whom.' },
);

/** By address, over the endpoints that ask the control plane. Default: 1,200 in 1m. */
export const signInRateLimit = Type.Object(pace, {
  ...closed,
  description: 'How many requests for signing in and for the own page one address may make.',
});
