import type { Static } from 'typebox';
import { document } from './schema/common.ts';
import { IdentityProviderSpec, ServiceIdentitySpec, TrustBundleSpec } from './schema/parties.ts';
import { PolicySpec } from './schema/policy.ts';
import { RouteSpec } from './schema/route.ts';
import { SettingsSpec } from './schema/settings.ts';
import type { DocumentTest } from './schema/tests.ts';

export { apiVersion } from './schema/common.ts';

/**
 * The kinds of configuration documents. These schemas validate what admins apply, what an edge
 * receives, and are published (json-schema.ts, OpenAPI). Unknown fields are refused everywhere.
 */

export const RouteDocument = document('Route', RouteSpec, 'An application and who may reach it.');
export const PolicyDocument = document('Policy', PolicySpec, 'Rules that routes name.');
export const IdentityProviderDocument = document(
  'IdentityProvider',
  IdentityProviderSpec,
  'Who signs users in.',
);
export const TrustBundleDocument = document(
  'TrustBundle',
  TrustBundleSpec,
  'Authorities and what they are believed for.',
);
export const ServiceIdentityDocument = document(
  'ServiceIdentity',
  ServiceIdentitySpec,
  'A workload, by the devices that it runs as.',
);
/** One at the most, named `default`. */
export const SettingsDocument = document(
  'Settings',
  SettingsSpec,
  'What holds for the whole set. One, named default.',
);

/** The built-in bundle with the deployment's own device authority; users cannot define it. */
export const builtInDeviceBundle = 'sallyport-devices';

/** One kind, one row. */
export const kinds = {
  Route: RouteDocument,
  Policy: PolicyDocument,
  IdentityProvider: IdentityProviderDocument,
  TrustBundle: TrustBundleDocument,
  ServiceIdentity: ServiceIdentityDocument,
  Settings: SettingsDocument,
} as const;
export type Kind = keyof typeof kinds;

export type RouteDocument = Static<typeof RouteDocument>;
export type PolicyDocument = Static<typeof PolicyDocument>;
export type IdentityProviderDocument = Static<typeof IdentityProviderDocument>;
export type TrustBundleDocument = Static<typeof TrustBundleDocument>;
export type ServiceIdentityDocument = Static<typeof ServiceIdentityDocument>;
export type SettingsDocument = Static<typeof SettingsDocument>;
export type ConfigurationDocument =
  | RouteDocument
  | PolicyDocument
  | IdentityProviderDocument
  | TrustBundleDocument
  | ServiceIdentityDocument
  | SettingsDocument;

/** One request of a document's tests and what must come of it. */
export type DocumentTest = Static<typeof DocumentTest>;

/** All documents of one version, sorted by kind and name. */
export interface ConfigurationSet {
  readonly documents: readonly ConfigurationDocument[];
}
