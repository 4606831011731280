import { Type } from 'typebox';
import { closed, duration, hostName, matchLabels, name, names } from './common.ts';
import { forwardAuth } from './forward-auth.ts';
import { headerLimits } from './headers.ts';
import { listener } from './listener.ts';
import { network } from './network.ts';
import { rateLimits, signInRateLimit } from './rate-limits.ts';
import { exports, records, webhooks } from './records.ts';
import { signals } from './signals.ts';
import { staleness } from './staleness.ts';

const ring = Type.Object({ name, edges: matchLabels, bake: duration }, closed);
const rollout = Type.Object(
  {
    rings: Type.Optional(
      Type.Array(ring, {
        maxItems: 16,
        description: 'In the order in which a version goes out; all other edges follow.',
      }),
    ),
    gates: Type.Optional(
      Type.Object(
        {
          /** How many times the share of denials of the other edges a ring may have. */
          denialRateFactor: Type.Optional(Type.Number({ minimum: 1, maximum: 1000 })),
          /** Fewer denials than this say nothing. */
          denialsMin: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
        },
        { ...closed, minProperties: 1 },
      ),
    ),
    blastRadius: Type.Optional(
      Type.Object(
        {
          /** Share of the active users who may lose access without a second person. */
          usersShare: Type.Number({ minimum: 0, maximum: 1 }),
          window: Type.Optional(duration),
        },
        closed,
      ),
    ),
  },
  { ...closed, minProperties: 1, description: 'How a version goes out to the edges.' },
);

export const SettingsSpec = Type.Object(
  {
    signIn: Type.Object(
      { host: hostName, identityProvider: name, rateLimit: Type.Optional(signInRateLimit) },
      closed,
    ),
    session: Type.Optional(
      Type.Object(
        { lifetimeSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 2_592_000 })) },
        closed,
      ),
    ),
    /** Policies that hold for every route. */
    policies: Type.Optional(names),
    network: Type.Optional(network),
    listener: Type.Optional(listener),
    headerLimits: Type.Optional(headerLimits),
    forwardAuth: Type.Optional(forwardAuth),
    /** For every route that does not say otherwise. */
    staleness: Type.Optional(staleness),
    /** Over all routes together; those with `per: route` for each route. */
    rateLimits: Type.Optional(rateLimits),
    approval: Type.Optional(
      Type.Object(
        { required: Type.Boolean() },
        { ...closed, description: 'Whether another person must approve each version.' },
      ),
    ),
    rollout: Type.Optional(rollout),
    signals: Type.Optional(signals),
    records: Type.Optional(records),
    exports: Type.Optional(exports),
    webhooks: Type.Optional(webhooks),
  },
  closed,
);
