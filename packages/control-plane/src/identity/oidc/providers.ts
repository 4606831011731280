import { createHash } from 'node:crypto';
import { parseNetwork } from '@sallyport/policy';
import type { Clock } from '@sallyport/shared/clock';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import {
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  clockTolerance,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  type ServerMetadata,
} from 'openid-client';
import type { ClaimNames } from './claims.ts';
import { providerFailure } from './failure.ts';
import { createProviderFetch, type ProviderFetch } from './fetch.ts';
import { clockToleranceSeconds, idTokenAlgorithms } from './id-token.ts';
import { checkMetadata } from './metadata.ts';

/** All that a provider's configuration depends on; another value is another provider. */
export interface ProviderSettings {
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly claims: ClaimNames;
  /** PEM of the trust bundle; null: the system's authorities. */
  readonly authorities: string | null;
  /** Hosts besides the issuer's own that discovery may name. */
  readonly endpointHosts: readonly string[];
  /** CIDR blocks of settings.network.internal. */
  readonly internalNetworks: readonly string[];
}

export interface Provider {
  readonly settings: ProviderSettings;
  /** Verified metadata, client and key cache of openid-client. */
  readonly configuration: Configuration;
}

export interface Providers {
  /** Fails with SallyportError `provider_unavailable`; concurrent callers share one discovery. */
  get(settings: ProviderSettings): Promise<Provider>;
  close(): Promise<void>;
}

export interface ProvidersOptions {
  readonly clock: Clock;
  readonly log: Log;
}

const discoveryAgeMsMax = 600_000;
/** While discovery fails, what was read before is used for this long. */
const staleAgeMsMax = 3_600_000;
const entriesMax = 64;

interface Entry {
  readonly fetch: ProviderFetch;
  provider: Provider | null;
  discoveredAtMs: number;
  loading: Promise<Provider> | null;
}

/** Identity providers by their settings: discovered once, kept for ten minutes. */
export function createProviders({ clock, log }: ProvidersOptions): Providers {
  const entries = new Map<string, Entry>();

  const entryOf = (settings: ProviderSettings): Entry => {
    const key = fingerprint(settings);
    let entry = entries.get(key);
    if (entry === undefined) {
      evict(entries);
      const fetch = createProviderFetch({
        authorities: settings.authorities,
        internal: settings.internalNetworks
          .map((cidr) => parseNetwork(cidr))
          .filter((network) => network !== null),
      });
      entry = { fetch, provider: null, discoveredAtMs: 0, loading: null };
      entries.set(key, entry);
    }
    return entry;
  };

  const load = (entry: Entry, settings: ProviderSettings): Promise<Provider> => {
    entry.loading ??= discover(settings, entry.fetch)
      .then((configuration) => {
        entry.provider = { settings, configuration };
        entry.discoveredAtMs = clock();
        return entry.provider;
      })
      .catch((cause: unknown) => {
        const { detail } = providerFailure(cause);
        throw new SallyportError('provider_unavailable', detail, { cause });
      })
      .finally(() => {
        entry.loading = null;
      });
    return entry.loading;
  };

  return {
    async get(settings) {
      const entry = entryOf(settings);
      const ageMs = clock() - entry.discoveredAtMs;
      if (entry.provider !== null && ageMs < discoveryAgeMsMax) return entry.provider;
      try {
        return await load(entry, settings);
      } catch (error) {
        log.warn('identity.discovery_failed', { provider: settings.name, error });
        if (entry.provider !== null && ageMs < staleAgeMsMax) return entry.provider;
        throw error;
      }
    },
    async close() {
      const open = [...entries.values()];
      entries.clear();
      await Promise.all(open.map((entry) => entry.fetch.close()));
    },
  };
}

async function discover(settings: ProviderSettings, { fetch }: ProviderFetch) {
  const client = {
    client_secret: settings.clientSecret,
    // The library takes a list here and then accepts nothing else.
    id_token_signed_response_alg: idTokenAlgorithms as unknown as string,
    [clockTolerance]: clockToleranceSeconds,
  };
  const configuration = await discovery(
    new URL(settings.issuer),
    settings.clientId,
    client,
    (as, ...rest) => authentication(as, settings.clientSecret)(as, ...rest),
    { [customFetch]: fetch, timeout: 3, execute: [enableNonRepudiationChecks] },
  );
  checkMetadata(configuration.serverMetadata(), settings.issuer, settings.endpointHosts);
  return configuration;
}

/** HTTP Basic is what a provider takes that says nothing (RFC 8414, section 2). */
function authentication(metadata: ServerMetadata, clientSecret: string) {
  const methods = metadata.token_endpoint_auth_methods_supported;
  return methods === undefined || methods.includes('client_secret_basic')
    ? ClientSecretBasic(clientSecret)
    : ClientSecretPost(clientSecret);
}

function evict(entries: Map<string, Entry>): void {
  if (entries.size < entriesMax) return;
  const oldest = entries.entries().next().value;
  if (oldest === undefined) return;
  entries.delete(oldest[0]);
  void oldest[1].fetch.close().catch(() => undefined);
}

function fingerprint(settings: ProviderSettings): string {
  const { name, issuer, clientId, clientSecret, scopes, claims } = settings;
  const parts = [
    name,
    issuer,
    clientId,
    clientSecret,
    scopes,
    [claims.email, claims.name, claims.groups],
    settings.authorities,
    settings.endpointHosts,
    settings.internalNetworks,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
