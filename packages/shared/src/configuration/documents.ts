import { type Static, Type } from 'typebox';

/**
 * The kinds of configuration documents. These schemas validate what admins apply, what an edge
 * receives, and are published in the OpenAPI document. Unknown fields are refused everywhere.
 */

export const apiVersion = 'sallyport.dev/v1';

const closed = { additionalProperties: false } as const;
// Descriptions follow "must be" in messages.
const name = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'a name of a to z, 0 to 9 and hyphens, 63 characters at the most',
});
const names = Type.Array(name, { maxItems: 256, uniqueItems: true });
const hostName = Type.String({
  maxLength: 253,
  pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'a DNS name of a to z, 0 to 9, hyphens and dots, international names as xn--',
});
const hostPattern = Type.String({
  maxLength: 255,
  pattern: '^(\\*\\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'a DNS name of a to z, 0 to 9, hyphens and dots, with *. in front for any one label',
});
const pathPattern = Type.String({
  pattern: '^/',
  maxLength: 1024,
  description: 'a path that starts with /',
});
const methods = Type.Array(
  Type.String({ pattern: '^[A-Z]{3,16}$', description: 'a method in capital letters' }),
  {
    minItems: 1,
    maxItems: 16,
    uniqueItems: true,
  },
);
const httpsUrl = Type.String({
  pattern: '^https://',
  maxLength: 2048,
  description: 'a URL that starts with https://',
});
const strings = (maxLength: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength }), {
    minItems: 1,
    maxItems: 1000,
    uniqueItems: true,
  });

export const Metadata = Type.Object(
  {
    name,
    description: Type.Optional(Type.String({ maxLength: 1024 })),
    owner: Type.Optional(Type.String({ maxLength: 254 })),
    labels: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$' }),
        Type.String({ maxLength: 253 }),
        { ...closed, maxProperties: 64 },
      ),
    ),
  },
  closed,
);

const document = <Kind extends string, Spec extends Parameters<typeof Type.Object>[0][string]>(
  kind: Kind,
  spec: Spec,
) =>
  Type.Object(
    { apiVersion: Type.Literal(apiVersion), kind: Type.Literal(kind), metadata: Metadata, spec },
    closed,
  );

const threshold = Type.String({
  pattern: '^(serve|[1-9][0-9]{0,5}[smhd])$',
  description: 'a duration such as 90s, 15m, 12h or 7d, or the word serve',
});
/** What is left out is as in the settings, or the default. */
const laneBudget = Type.Union([
  Type.Literal('serve'),
  Type.Object(
    {
      /** Age of the lane from which on those who signed in before must confirm that. */
      stepUpAfter: Type.Optional(threshold),
      /** From which on nobody is sent to sign in any more. */
      denyNewSessionsAfter: Type.Optional(threshold),
      /** From which on nobody is let in. */
      denyAfter: Type.Optional(threshold),
    },
    { ...closed, minProperties: 1 },
  ),
]);

/** How old what an edge knows may be. `serve`, written out: without end. */
const staleness = Type.Object(
  {
    revoke: Type.Optional(laneBudget),
    signals: Type.Optional(laneBudget),
    config: Type.Optional(laneBudget),
    directory: Type.Optional(laneBudget),
  },
  { ...closed, minProperties: 1 },
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
      { minItems: 1, maxItems: 64 },
    ),
    policies: names,
    /** `aud` of the assertion. Default: `https://` and the first host. */
    audience: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    upstream: Type.Object(
      {
        /** `https://host[:port]`; `http://` only with `plainHttp: true`. No path. */
        url: Type.String({
          pattern: '^https?://',
          maxLength: 2048,
          description: 'a URL that starts with https://',
        }),
        plainHttp: Type.Optional(Type.Literal(true)),
        /** Name of a TrustBundle; default: the system's authorities. */
        trustBundle: Type.Optional(name),
        /** Name to ask for and verify in TLS; default: the URL's host. */
        serverName: Type.Optional(hostName),
        /** What the upstream sees as Host. Default: `preserve`. */
        host: Type.Optional(Type.Union([Type.Literal('preserve'), Type.Literal('upstream')])),
      },
      closed,
    ),
    identity: Type.Optional(
      Type.Object(
        {
          /** Groups to name in the assertion if the user has them. Default: none. */
          groups: Type.Optional(strings(256)),
          ttlSeconds: Type.Optional(Type.Integer({ minimum: 10, maximum: 300 })),
          bytesMax: Type.Optional(Type.Integer({ minimum: 1024, maximum: 8192 })),
        },
        closed,
      ),
    ),
    webSocket: Type.Optional(
      Type.Object(
        {
          /** Origins allowed besides the route's own host. */
          origins: Type.Optional(strings(512)),
        },
        closed,
      ),
    ),
    staleness: Type.Optional(staleness),
  },
  closed,
);

const ruleConditions = {
  name,
  users: Type.Optional(strings(254)),
  groups: Type.Optional(strings(256)),
  device: Type.Optional(
    Type.Object(
      {
        known: Type.Optional(Type.Boolean()),
        managed: Type.Optional(Type.Boolean()),
        ownedByUser: Type.Optional(Type.Boolean()),
      },
      { ...closed, minProperties: 1 },
    ),
  ),
  methods: Type.Optional(methods),
  paths: Type.Optional(Type.Array(pathPattern, { minItems: 1, maxItems: 256 })),
  sourceNetworks: Type.Optional(strings(64)),
};

export const PolicySpec = Type.Object(
  {
    allow: Type.Optional(
      Type.Array(
        Type.Object({ ...ruleConditions, anonymous: Type.Optional(Type.Literal(true)) }, closed),
        { maxItems: 1000 },
      ),
    ),
    deny: Type.Optional(Type.Array(Type.Object(ruleConditions, closed), { maxItems: 1000 })),
    stepUp: Type.Optional(
      Type.Array(
        Type.Object(
          {
            ...ruleConditions,
            require: Type.Object(
              {
                maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_592_000 })),
                amr: Type.Optional(strings(32)),
              },
              { ...closed, minProperties: 1 },
            ),
          },
          closed,
        ),
        { maxItems: 1000 },
      ),
    ),
  },
  closed,
);

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
          email: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
          name: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
          groups: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
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
    /** `device`: these authorities may issue device certificates. */
    use: Type.Array(
      Type.Union([
        Type.Literal('device'),
        Type.Literal('upstream'),
        Type.Literal('identityProvider'),
      ]),
      { minItems: 1, uniqueItems: true },
    ),
    /** One or more certificates, PEM. */
    certificates: Type.String({ minLength: 1, maxLength: 262_144 }),
  },
  closed,
);

export const SettingsSpec = Type.Object(
  {
    signIn: Type.Object({ host: hostName, identityProvider: name }, closed),
    session: Type.Optional(
      Type.Object(
        { lifetimeSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 2_592_000 })) },
        closed,
      ),
    ),
    /** Policies that hold for every route. */
    policies: Type.Optional(names),
    network: Type.Optional(
      Type.Object(
        {
          /**
           * Loopback, private and link-local networks that upstreams and identity providers may be
           * in. Without an entry such an address is refused, also when a name resolves to it.
           */
          internal: Type.Optional(strings(64)),
        },
        closed,
      ),
    ),
    /** For every route that does not say otherwise. */
    staleness: Type.Optional(staleness),
  },
  closed,
);

export const RouteDocument = document('Route', RouteSpec);
export const PolicyDocument = document('Policy', PolicySpec);
export const IdentityProviderDocument = document('IdentityProvider', IdentityProviderSpec);
export const TrustBundleDocument = document('TrustBundle', TrustBundleSpec);
/** One at the most, named `default`. */
export const SettingsDocument = document('Settings', SettingsSpec);

/** The built-in bundle with the deployment's own device authority; users cannot define it. */
export const builtInDeviceBundle = 'sallyport-devices';

/** One kind, one row. */
export const kinds = {
  Route: RouteDocument,
  Policy: PolicyDocument,
  IdentityProvider: IdentityProviderDocument,
  TrustBundle: TrustBundleDocument,
  Settings: SettingsDocument,
} as const;
export type Kind = keyof typeof kinds;

export type RouteDocument = Static<typeof RouteDocument>;
export type PolicyDocument = Static<typeof PolicyDocument>;
export type IdentityProviderDocument = Static<typeof IdentityProviderDocument>;
export type TrustBundleDocument = Static<typeof TrustBundleDocument>;
export type SettingsDocument = Static<typeof SettingsDocument>;
export type ConfigurationDocument =
  | RouteDocument
  | PolicyDocument
  | IdentityProviderDocument
  | TrustBundleDocument
  | SettingsDocument;

/** All documents of one version, sorted by kind and name. */
export interface ConfigurationSet {
  readonly documents: readonly ConfigurationDocument[];
}
