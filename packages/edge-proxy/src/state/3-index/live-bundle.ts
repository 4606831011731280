import { compile, longestDenyMs, type Network, parseNetwork } from '@sallyport/policy';
import type {
  ConfigurationDocument,
  IdentityProviderDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { toPolicySet } from '@sallyport/shared/configuration/policy-set';
import { headerLimits, usualHeaderLimits } from '@sallyport/shared/http/header-limits';
import { EgressTable } from '@sallyport/shared/network/egress';
import { deviceAuthorities, readBundle } from '@sallyport/shared/pki/device-authorities';
import { writePem } from '@sallyport/shared/pki/pem';
import { detectorSettings } from '@sallyport/shared/signals/settings';
import type { LiveBundle } from '../current.ts';
import { eachLane } from '../lanes.ts';
import { frontAskers } from './front-askers.ts';
import { listenerSettings } from './listener-settings.ts';
import { addressRateLimits, signInRateLimit } from './rate-limits.ts';
import { recordRules } from './record-rules.ts';
import { type RouteNames, routeConfig } from './route-config.ts';

type DocumentOf<K extends ConfigurationDocument['kind']> = Extract<
  ConfigurationDocument,
  { readonly kind: K }
>;

/**
 * Compiles one configuration version from its documents. Throws for anything that does not hold: a
 * version is live whole or not at all.
 */
export function buildLiveBundle(
  version: number,
  documents: readonly ConfigurationDocument[],
): LiveBundle {
  const settings = onlySettings(documents);
  const trust = trustBundles(documents);
  const authorities = deviceAuthorities(deviceBundles(documents));
  const policy = compile(toPolicySet(version, documents));
  const limits = headerLimits(settings.headerLimits, usualHeaderLimits);
  const names: RouteNames = {
    authoritiesPem: (name) => trust.get(name),
    records: settings.records,
    rateLimits: settings.rateLimits,
    headerLimits: limits,
  };
  return {
    version,
    policy,
    headerNames: policy.headerNames,
    shadow: null,
    routes: new Map(
      ofKind(documents, 'Route').map((route) => [
        route.metadata.name,
        inDocument(route, () => routeConfig(route, names)),
      ]),
    ),
    settings: {
      records: recordRules(settings.records),
      signInHost: settings.signIn.host,
      identityProvider: settings.signIn.identityProvider,
      internalNetworks: networks(settings.network?.internal ?? []),
      frontProxies: {
        proxyV2: networksOfFronts(settings, 'proxy-v2'),
        forwardedFor: networksOfFronts(settings, 'x-forwarded-for'),
      },
      listener: listenerSettings(settings.listener ?? {}),
      headerLimits: limits,
      frontAskers: frontAskers(settings.forwardAuth),
      egress: new EgressTable(settings.network?.egress ?? []),
      signals: detectorSettings(settings.signals),
      addressRateLimits: addressRateLimits(settings.rateLimits),
      signInRateLimit: signInRateLimit(settings.signIn.rateLimit),
      routesLimitAddresses: routesLimitAddresses(settings, ofKind(documents, 'Route')),
      rings: (settings.rollout?.rings ?? []).map(({ name, edges }) => ({
        name,
        matchLabels: edges.matchLabels,
      })),
    },
    identityProviders: identityProviders(documents),
    denyAfterMs: denyAfterMs(settings, ofKind(documents, 'Route')),
    deviceAuthorities: authorities,
    deviceAuthoritiesPem: authorities.certificates.map((der) => writePem('CERTIFICATE', der)),
  };
}

/** Also where a route only puts a limit of its own in the place of one of the settings. */
function routesLimitAddresses(
  { rateLimits = [] }: SettingsDocument['spec'],
  routes: readonly DocumentOf<'Route'>[],
): boolean {
  const names = new Set(rateLimits.filter(({ per }) => per === 'address').map(({ name }) => name));
  return routes.some(({ spec }) =>
    spec.rateLimits?.some(({ per, name }) => per === 'address' || names.has(name)),
  );
}

function ofKind<K extends ConfigurationDocument['kind']>(
  documents: readonly ConfigurationDocument[],
  kind: K,
): DocumentOf<K>[] {
  return documents.filter((document): document is DocumentOf<K> => document.kind === kind);
}

function onlySettings(documents: readonly ConfigurationDocument[]): SettingsDocument['spec'] {
  const [settings, second] = ofKind(documents, 'Settings');
  if (settings === undefined || second !== undefined) {
    throw new TypeError('a configuration needs exactly one Settings document');
  }
  return settings.spec;
}

function networksOfFronts(
  { network }: SettingsDocument['spec'],
  protocol: 'proxy-v2' | 'x-forwarded-for',
): readonly Network[] {
  const fronts = network?.frontProxies ?? [];
  return networks(
    fronts.filter((front) => front.protocol === protocol).flatMap((front) => front.networks),
  );
}

function networks(written: readonly string[]): readonly Network[] {
  return written.map((cidr) => {
    const network = parseNetwork(cidr);
    if (network === null) throw new TypeError(`Settings: ${cidr} is not a network`);
    return network;
  });
}

function denyAfterMs(
  settings: SettingsDocument['spec'],
  routes: readonly DocumentOf<'Route'>[],
): LiveBundle['denyAfterMs'] {
  const written = routes.map(({ spec }) => spec.staleness);
  return eachLane((lane) => longestDenyMs(lane, [settings.staleness], written));
}

function identityProviders(
  documents: readonly ConfigurationDocument[],
): ReadonlyMap<string, IdentityProviderDocument['spec']> {
  return new Map(
    ofKind(documents, 'IdentityProvider').map((provider) => [
      provider.metadata.name,
      provider.spec,
    ]),
  );
}

/** Every trust bundle by name, as PEM certificates. */
function trustBundles(
  documents: readonly ConfigurationDocument[],
): ReadonlyMap<string, readonly string[]> {
  return new Map(
    ofKind(documents, 'TrustBundle').map((bundle) => [
      bundle.metadata.name,
      inDocument(bundle, () => {
        const read = readBundle(bundle.spec.certificates);
        if (typeof read === 'string') throw new TypeError(`the bundle ${read}`);
        return read.map(({ der }) => writePem('CERTIFICATE', der));
      }),
    ]),
  );
}

function deviceBundles(
  documents: readonly ConfigurationDocument[],
): { readonly name: string; readonly certificates: string }[] {
  return ofKind(documents, 'TrustBundle')
    .filter((bundle) => bundle.spec.use.includes('device'))
    .map((bundle) => ({ name: bundle.metadata.name, certificates: bundle.spec.certificates }));
}

/** Runs `read` and names the document in what it throws. */
function inDocument<T>(document: ConfigurationDocument, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${document.kind} ${document.metadata.name}: ${message}`, { cause });
  }
}
