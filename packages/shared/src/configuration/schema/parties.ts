import { Type } from 'typebox';
import { closed, deviceId, hostName, httpsUrl, name, strings } from './common.ts';

/** Who is spoken with and believed: identity providers, authorities, workloads. */

const claim = Type.String({ minLength: 1, maxLength: 128 });

export const IdentityProviderSpec = Type.Object(
  {
    issuer: httpsUrl,
    clientId: Type.String({ minLength: 1, maxLength: 256 }),
    /** Name of a secret of the control plane. */
    clientSecret: name,
    scopes: Type.Optional(strings(128)),
    claims: Type.Optional(
      Type.Object(
        {
          email: Type.Optional(claim),
          name: Type.Optional(claim),
          groups: Type.Optional(claim),
        },
        closed,
      ),
    ),
    trustBundle: Type.Optional(name),
    /**
     * Hosts besides the issuer's own that its discovery document may name endpoints and keys on.
     * Default: none, so that whoever controls a part of the document cannot name their own keys.
     */
    endpointHosts: Type.Optional(Type.Array(hostName, { minItems: 1, maxItems: 16 })),
  },
  closed,
);

export const TrustBundleSpec = Type.Object(
  {
    /**
     * `device`: these authorities may issue device certificates. `export`: those of the servers that
     * exports and webhooks go to.
     */
    use: Type.Array(
      Type.Union([
        Type.Literal('device'),
        Type.Literal('upstream'),
        Type.Literal('identityProvider'),
        Type.Literal('export'),
      ]),
      { minItems: 1, uniqueItems: true },
    ),
    /** One or more certificates, PEM. */
    certificates: Type.String({ minLength: 1, maxLength: 262_144 }),
  },
  closed,
);

export const ServiceIdentitySpec = Type.Object(
  {
    devices: Type.Array(deviceId, {
      minItems: 1,
      maxItems: 1000,
      uniqueItems: true,
      description: 'The enrolled devices whose certificates the workload uses.',
    }),
  },
  closed,
);
