import { Type } from 'typebox';
import { closed, duration, instant, methods, names, pathPattern, strings } from './common.ts';
import { cookies } from './cookies.ts';
import { cors } from './cors.ts';
import { headers, routeHeaderLimits } from './headers.ts';
import { rateLimits } from './rate-limits.ts';
import { routeRecords } from './records.ts';
import { staleness } from './staleness.ts';
import { documentTests } from './tests.ts';
import { upstream } from './upstream.ts';

export const hostPattern = Type.String({
  maxLength: 255,
  pattern: '^(\\*\\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'a DNS name of a to z, 0 to 9, hyphens and dots, with *. in front for any one label',
});

const identity = Type.Object(
  {
    /** Groups to name in the assertion if the user has them. Default: none. */
    groups: Type.Optional(strings(256)),
    ttlSeconds: Type.Optional(Type.Integer({ minimum: 10, maximum: 300 })),
    bytesMax: Type.Optional(Type.Integer({ minimum: 1024, maximum: 8192 })),
  },
  { ...closed, description: 'What the application is told of the user.' },
);

export const RouteSpec = Type.Object(
  {
    match: Type.Array(
      Type.Object(
        {
          host: hostPattern,
          /** Default: the whole host. */
          path: Type.Optional(pathPattern),
          methods: Type.Optional(methods),
        },
        closed,
      ),
      { minItems: 1, maxItems: 64, description: 'Which requests; the most specific match wins.' },
    ),
    policies: names,
    /** `aud` of the assertion. Default: `https://` and the first host. */
    audience: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    upstream,
    identity: Type.Optional(identity),
    webSocket: Type.Optional(
      Type.Object(
        {
          /** Origins allowed besides the route's own host. */
          origins: Type.Optional(strings(512)),
          timeouts: Type.Optional(
            Type.Object(
              {
                /** Without a byte either way. Default: 5m. */
                idle: Type.Optional(duration),
                /** From its opening on. Default: 24h. */
                total: Type.Optional(duration),
              },
              { ...closed, description: 'How long one may stay open.' },
            ),
          ),
        },
        closed,
      ),
    ),
    headers: Type.Optional(headers),
    headerLimits: Type.Optional(routeHeaderLimits),
    cors: Type.Optional(cors),
    cookies: Type.Optional(cookies),
    staleness: Type.Optional(staleness),
    /** Besides those of the settings; one of the same name takes its place. */
    rateLimits: Type.Optional(rateLimits),
    monitor: Type.Optional(
      Type.Object(
        { until: instant },
        {
          ...closed,
          description: 'What rules would refuse is let through and recorded, up to this date.',
        },
      ),
    ),
    records: Type.Optional(routeRecords),
    tests: Type.Optional(documentTests),
  },
  closed,
);
