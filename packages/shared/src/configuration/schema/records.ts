import { Type } from 'typebox';
import { closed, duration, hostName, httpsUrl, name, oneOf } from './common.ts';

/** `drop`: only whether there was one. `names`: names of parameters. `keep`: as it was sent. */
export const queryHandling = oneOf('drop', 'names', 'keep');

/**
 * `remove`: empty. `hash`: HMAC-SHA-256 under a key of the deployment, not of a place. `truncate`: its
 * network, product, domain, first segment or country.
 */
const redaction = Type.Object(
  {
    field: oneOf('sourceAddress', 'userAgent', 'userEmail', 'path', 'place'),
    as: oneOf('remove', 'hash', 'truncate'),
  },
  closed,
);

/** For every route that does not say otherwise. */
export const records = Type.Object(
  {
    /** How long the control plane keeps access records. Default: 90d. */
    retention: Type.Optional(duration),
    query: Type.Optional(queryHandling),
    redact: Type.Optional(Type.Array(redaction, { maxItems: 16 })),
  },
  { ...closed, description: 'What is written down of each request, and for how long.' },
);

/** Of one route. */
export const routeRecords = Type.Object(
  {
    query: Type.Optional(queryHandling),
    redact: Type.Optional(Type.Array(redaction, { maxItems: 16 })),
    /** `true`: 503 audit_unavailable while the edge can keep no more records. Default: false. */
    required: Type.Optional(Type.Boolean()),
  },
  { ...closed, description: 'What is written down of its requests.' },
);

const port = Type.Integer({ minimum: 1, maximum: 65_535 });

const file = Type.Object(
  {
    /** Absolute. */
    path: Type.String({ pattern: '^/', maxLength: 1024 }),
    megabytesMax: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_240 })),
    /** Full ones that are kept. */
    keep: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  },
  { ...closed, description: 'JSON lines.' },
);
const syslog = Type.Object(
  {
    host: hostName,
    port: Type.Optional(port),
    trustBundle: Type.Optional(name),
    /** Default: 16, local0. */
    facility: Type.Optional(Type.Integer({ minimum: 0, maximum: 23 })),
  },
  { ...closed, description: 'RFC 5424 over TLS (RFC 5425).' },
);
const otlp = Type.Object(
  {
    /** With its path. */
    url: httpsUrl,
    trustBundle: Type.Optional(name),
    /** Name of a secret: the value of the Authorization header. */
    authorization: Type.Optional(name),
  },
  { ...closed, description: 'OTLP logs over HTTP.' },
);

/** Where records go besides the database; each to one of file, syslog and otlp. */
export const exports = Type.Array(
  Type.Object(
    {
      name,
      /** Default: all. */
      what: Type.Optional(
        Type.Array(oneOf('decisions', 'audit', 'signals'), { minItems: 1, uniqueItems: true }),
      ),
      file: Type.Optional(file),
      syslog: Type.Optional(syslog),
      otlp: Type.Optional(otlp),
    },
    closed,
  ),
  { maxItems: 16, description: 'Where records go besides the database.' },
);

export const webhooks = Type.Array(
  Type.Object(
    {
      name,
      url: httpsUrl,
      trustBundle: Type.Optional(name),
      events: Type.Array(oneOf('revocation', 'configuration', 'token', 'signal'), {
        minItems: 1,
        uniqueItems: true,
      }),
      /** Name of a secret: what each delivery is signed with. */
      secret: name,
    },
    closed,
  ),
  { maxItems: 16, description: 'Who is told of events, in signed requests.' },
);
