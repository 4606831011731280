import type {
  ConfigurationDocument,
  IdentityProviderDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { SallyportError } from '@sallyport/shared/errors';
import type { SealKey } from '@sallyport/shared/seal';
import { readDocumentsOf } from '../store/configuration.ts';
import { type Database, type Executor, read } from '../store/database.ts';
import { defaultRing, readReleases } from '../store/releases.ts';
import { readSecretText } from '../store/secrets.ts';
import type { ProviderSettings } from './oidc/providers.ts';

/** What the live configuration says about signing in with one provider. */
export interface SignInConfiguration {
  readonly provider: ProviderSettings;
  /** The one host that callbacks come to. */
  readonly host: string;
  readonly sessionLifetimeMs: number;
}

const lifetimeSecondsDefault = 8 * 3_600;
const scopesDefault: readonly string[] = ['openid', 'profile', 'email'];

/** Reads the live configuration for a provider, its client secret included. */
export type ConfigurationReader = (provider: string) => Promise<SignInConfiguration>;

/**
 * Makes a reader that keeps the documents of what is released. It fails with `not_found` for a
 * provider that is not in them, and with `conflict` where settings or secret are missing.
 */
export function createConfigurationReader(
  database: Database,
  sealKey: SealKey,
): ConfigurationReader {
  let kept: ReadonlyMap<number, readonly ConfigurationDocument[]> = new Map();
  return (name) =>
    read(database, async (db) => {
      kept = await readReleased(db, kept);
      const documents = documentsFor([...kept.values()], name);
      const settings = documents.find((document) => document.kind === 'Settings')?.spec;
      const provider = findDocument(documents, 'IdentityProvider', name);
      if (settings === undefined) throw new SallyportError('conflict', 'there are no settings yet');
      if (provider === null) throw new SallyportError('not_found', 'no such identity provider');
      return {
        provider: {
          ...providerSettings(provider, settings, documents),
          clientSecret: await readClientSecret(db, sealKey, provider.spec.clientSecret),
        },
        host: settings.signIn.host,
        sessionLifetimeMs: (settings.session?.lifetimeSeconds ?? lifetimeSecondsDefault) * 1000,
      };
    });
}

type Released = ReadonlyMap<number, readonly ConfigurationDocument[]>;

/** The versions that rings decide by, the live one first; few, because rollouts end. */
async function readReleased(db: Executor, kept: Released): Promise<Released> {
  const rows = await readReleases(db);
  const isLive = (ring: string): number => Number(ring === defaultRing);
  rows.sort((a, b) => isLive(b.ring) - isLive(a.ring));
  const found = new Map<number, readonly ConfigurationDocument[]>();
  for (const { version } of rows) {
    if (found.has(version)) continue;
    found.set(version, kept.get(version) ?? (await readDocumentsOf(db, version)));
  }
  return found;
}

/** The live set, unless only one that is being rolled out has the provider. */
function documentsFor(
  released: readonly (readonly ConfigurationDocument[])[],
  provider: string,
): readonly ConfigurationDocument[] {
  const found = released.find((set) => findDocument(set, 'IdentityProvider', provider) !== null);
  return found ?? released[0] ?? [];
}

async function readClientSecret(db: Executor, sealKey: SealKey, id: string): Promise<string> {
  const secret = await readSecretText(db, sealKey, id);
  if (secret !== null) return secret;
  throw new SallyportError('conflict', 'the client secret of the provider is not set');
}

function providerSettings(
  { metadata, spec }: IdentityProviderDocument,
  settings: SettingsDocument['spec'],
  documents: readonly ConfigurationDocument[],
): Omit<ProviderSettings, 'clientSecret'> {
  return {
    name: metadata.name,
    issuer: spec.issuer,
    clientId: spec.clientId,
    scopes: spec.scopes ?? scopesDefault,
    claims: spec.claims ?? {},
    endpointHosts: spec.endpointHosts ?? [],
    authorities: authoritiesOf(spec.trustBundle, documents),
    internalNetworks: settings.network?.internal ?? [],
  };
}

function authoritiesOf(
  bundle: string | undefined,
  documents: readonly ConfigurationDocument[],
): string | null {
  if (bundle === undefined) return null;
  const found = findDocument(documents, 'TrustBundle', bundle);
  // Without its bundle a provider must not be trusted by the system's authorities instead.
  if (found === null) throw new SallyportError('conflict', `there is no trust bundle ${bundle}`);
  return found.spec.certificates;
}

function findDocument<Kind extends ConfigurationDocument['kind']>(
  documents: readonly ConfigurationDocument[],
  kind: Kind,
  name: string,
): Extract<ConfigurationDocument, { kind: Kind }> | null {
  const found = documents.find(
    (document): document is Extract<ConfigurationDocument, { kind: Kind }> =>
      document.kind === kind && document.metadata.name === name,
  );
  return found ?? null;
}
