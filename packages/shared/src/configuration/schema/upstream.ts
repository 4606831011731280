import { Type } from 'typebox';
import { closed, duration, hostName, name, pathPattern } from './common.ts';

const url = Type.String({
  pattern: '^https?://',
  maxLength: 2048,
  description: 'a URL that starts with https://',
});

const timeouts = Type.Object(
  {
    /** Until a connection stands, TLS included. Default: 5s. */
    connect: Type.Optional(duration),
    /** From the end of the request to the headers of the response. Default: 60s. */
    headers: Type.Optional(duration),
    /** Between two pieces of the response. Default: 60s. */
    idle: Type.Optional(duration),
    /** From the start at the upstream to the end of the response; not of tunnels. Default: none. */
    total: Type.Optional(duration),
  },
  { ...closed, description: 'How long the upstream may take.' },
);

const limits = Type.Object(
  {
    /** Requests at once. Default: 1024. */
    connections: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    /** Requests that may wait for one of those to end. Default: 1024. */
    queue: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
    /** How long each of them waits. Default: 5s. */
    queueWait: Type.Optional(duration),
  },
  {
    ...closed,
    description: 'Of each worker of an edge; requests of users and of anybody count apart.',
  },
);

const targets = Type.Array(
  Type.Object(
    {
      url,
      /** Its share of the requests beside the weights of the others. Default: 1. */
      weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      /** Default: that of the upstream, else the host of its URL. */
      serverName: Type.Optional(hostName),
    },
    closed,
  ),
  {
    minItems: 1,
    maxItems: 32,
    description: 'Several addresses of the same application, instead of url.',
  },
);

const ejection = Type.Object(
  {
    /** Failures in a row after which a target is left out for a while. Default: 5. */
    failures: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    /** For how long the first time; each time in a row longer. Default: 30s. */
    time: Type.Optional(duration),
    /** Of the targets that may be left out at once; one always stays. Default: 50. */
    percentMax: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  },
  { ...closed, description: 'When a target that fails requests is left out.' },
);

const retry = Type.Object(
  {
    /** For one request, after the first try. Default: 1. */
    attempts: Type.Optional(Type.Integer({ minimum: 0, maximum: 3 })),
    /** Retries among all requests. Default: 10. */
    budgetPercent: Type.Optional(Type.Integer({ minimum: 0, maximum: 50 })),
  },
  { ...closed, description: 'When a request without a body is tried again.' },
);

const health = Type.Object(
  {
    /** Asked for with GET; in its canonical form, without a query. */
    path: pathPattern,
    /** Default: 10s. */
    interval: Type.Optional(duration),
    /** For a whole check; the interval at the most. Default: 2s. */
    timeout: Type.Optional(duration),
    /** Checks in a row. Default: 2. */
    healthyAfter: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    /** Checks in a row. Default: 3. */
    unhealthyAfter: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    /** Default: 200 to 399. */
    statuses: Type.Optional(
      Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), {
        minItems: 1,
        maxItems: 32,
        uniqueItems: true,
      }),
    ),
  },
  { ...closed, description: 'How targets are asked whether they are well.' },
);

const path = Type.Object(
  {
    /** Taken away from the beginning of each path; every match of the route must be below it. */
    stripPrefix: Type.Optional(pathPattern),
    /** Put before it then. */
    addPrefix: Type.Optional(pathPattern),
  },
  {
    ...closed,
    minProperties: 1,
    description: 'What the upstream is asked for instead of what was decided on; whole segments.',
  },
);

export const upstream = Type.Object(
  {
    /** `https://host[:port]`; `http://` only with `plainHttp: true`. No path. */
    url: Type.Optional(url),
    targets: Type.Optional(targets),
    plainHttp: Type.Optional(Type.Literal(true)),
    /** Name of a TrustBundle; default: the system's authorities. */
    trustBundle: Type.Optional(name),
    /** Name to ask for and verify in TLS; default: the URL's host. */
    serverName: Type.Optional(hostName),
    /** What the upstream sees as Host. Default: `preserve`. */
    host: Type.Optional(Type.Union([Type.Literal('preserve'), Type.Literal('upstream')])),
    /** What is spoken there; http2 is for gRPC. Default: `http1`. */
    protocol: Type.Optional(Type.Union([Type.Literal('http1'), Type.Literal('http2')])),
    /** What its certificate must be of, instead of a name; needs trustBundle. */
    spiffeId: Type.Optional(
      Type.String({
        pattern: '^spiffe://',
        maxLength: 2048,
        description: 'a SPIFFE ID such as spiffe://corp.example/wiki',
      }),
    ),
    path: Type.Optional(path),
    timeouts: Type.Optional(timeouts),
    /** A connection takes no new request after that. Default: 5m. */
    connectionMaxAge: Type.Optional(duration),
    limits: Type.Optional(limits),
    ejection: Type.Optional(ejection),
    retry: Type.Optional(retry),
    health: Type.Optional(health),
  },
  { ...closed, description: 'The application behind the route.' },
);
