import { Type } from 'typebox';
import { asn, closed, name, oneOf, strings } from './common.ts';

const frontProxy = Type.Object(
  {
    networks: strings(64, 'Addresses that the front proxies connect from.'),
    /**
     * `proxy-v2`: each connection begins with a header of PROXY protocol version 2, and is closed
     * without one. `x-forwarded-for`: the header's last address that is no front proxy's.
     */
    protocol: oneOf('proxy-v2', 'x-forwarded-for'),
  },
  closed,
);

const egress = Type.Object(
  {
    name,
    kind: oneOf('office', 'vpn', 'cloud'),
    networks: Type.Optional(strings(64, 'Addresses that this way out has.')),
    asns: Type.Optional(Type.Array(asn, { minItems: 1, maxItems: 1000, uniqueItems: true })),
  },
  { ...closed, description: 'A known way out to the internet: going over to it is no journey.' },
);

export const network = Type.Object(
  {
    /**
     * Loopback, private and link-local networks that upstreams and identity providers may be
     * in. Without an entry such an address is refused, also when a name resolves to it.
     */
    internal: Type.Optional(strings(64)),
    frontProxies: Type.Optional(
      Type.Array(frontProxy, {
        maxItems: 64,
        description: 'Who may say which address a client has. Nobody else is believed.',
      }),
    ),
    egress: Type.Optional(Type.Array(egress, { maxItems: 256 })),
  },
  closed,
);
