import { Type } from 'typebox';
import { closed, name, oneOf } from './common.ts';
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

export const listener = Type.Object(
  {
    tlsPolicies: Type.Optional(
      Type.Array(tlsPolicy, {
        maxItems: 64,
        description: 'What hosts ask of TLS; those that are not listed share one policy.',
      }),
    ),
  },
  { ...closed, minProperties: 1, description: 'What the public listener of an edge asks for.' },
);
