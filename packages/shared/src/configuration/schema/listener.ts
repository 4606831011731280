import { Type } from 'typebox';
import { closed, duration, name, oneOf } from './common.ts';
import { hostPattern } from './route.ts';

const tlsPolicy = Type.Object(
  {
    name,
    hosts: Type.Array(hostPattern, {
      minItems: 1,
      maxItems: 256,
      uniqueItems: true,
      description: 'Hosts that share connections with each other and with no other host.',
    }),
    /** Default: `TLSv1.2`. */
    minVersion: Type.Optional(oneOf('TLSv1.2', 'TLSv1.3')),
    /** `required`: nothing is answered without one that holds. Default: `optional`. */
    deviceCertificate: Type.Optional(oneOf('optional', 'required')),
  },
  closed,
);

const connections = Type.Object(
  {
    /** From one address, of IPv6 from one network of 64 bits. Default: 1000. */
    perAddress: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    /** Default: 20000. */
    total: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  },
  { ...closed, minProperties: 1, description: 'How many connections an edge has open.' },
);

const slowClients = Type.Object(
  {
    /** For so long a request's body may stand still while it is waited for. Default: 30s. */
    bodyIdle: Type.Optional(duration),
    /** Of a body, on average over `bodyIdle` of waiting. Default: 240; 0: however few. */
    bodyBytesPerSecond: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    /** For so long a client may take nothing of a response that waits for it. Default: 60s. */
    responseIdle: Type.Optional(duration),
  },
  { ...closed, minProperties: 1, description: 'When clients are too slow to go on with.' },
);

export const listener = Type.Object(
  {
    tlsPolicies: Type.Optional(
      Type.Array(tlsPolicy, {
        maxItems: 64,
        description: 'What hosts ask of TLS; those that are not listed share one policy.',
      }),
    ),
    connections: Type.Optional(connections),
    slowClients: Type.Optional(slowClients),
    /** Default: true. */
    http2: Type.Optional(
      Type.Boolean({ description: 'Whether HTTP/2 is spoken with clients, beside HTTP/1.1.' }),
    ),
  },
  { ...closed, minProperties: 1, description: 'What the public listener of an edge asks for.' },
);
