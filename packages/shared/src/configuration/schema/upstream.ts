import { Type } from 'typebox';
import { closed, duration, hostName, name } from './common.ts';

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

export const upstream = Type.Object(
  {
    /** `https://host[:port]`; `http://` only with `plainHttp: true`. No path. */
    url,
    plainHttp: Type.Optional(Type.Literal(true)),
    /** Name of a TrustBundle; default: the system's authorities. */
    trustBundle: Type.Optional(name),
    /** Name to ask for and verify in TLS; default: the URL's host. */
    serverName: Type.Optional(hostName),
    /** What the upstream sees as Host. Default: `preserve`. */
    host: Type.Optional(Type.Union([Type.Literal('preserve'), Type.Literal('upstream')])),
    timeouts: Type.Optional(timeouts),
    limits: Type.Optional(limits),
  },
  { ...closed, description: 'The application behind the route.' },
);
