import { canonicalHost, type Network, parseNetwork } from '@sallyport/policy';
import { authorityProblem, readBundle } from '../pki/device-authorities.ts';
import { checkCors } from './check-cors.ts';
import { checkEgress, checkEgressNames } from './check-egress.ts';
import { checkExports, checkWebhooks } from './check-exports.ts';
import { checkForwardAuth } from './check-forward-auth.ts';
import { checkFrontProxies } from './check-front-proxies.ts';
import {
  checkHeaderLimits,
  checkLimitsOfSettings,
  limitsOfSettings,
} from './check-header-limits.ts';
import { checkCookies, checkHeaders } from './check-headers.ts';
import { checkListener } from './check-listener.ts';
import { checkPace, checkRateLimits } from './check-rate-limits.ts';
import { checkRedactions } from './check-records.ts';
import { checkUpstream } from './check-upstream.ts';
import { checkWebSocket } from './check-web-socket.ts';
import type {
  ConfigurationDocument,
  IdentityProviderDocument,
  RouteDocument,
  SettingsDocument,
  TrustBundleDocument,
} from './documents.ts';
import { type Complain, type Context, checkTrustBundle, noSuch } from './references.ts';
import { signInHostProblem } from './sign-in-host.ts';
import { issuerUrlProblem } from './urls.ts';

/** What the schemas cannot see of one document: values, and the documents that it names. */

/** What documents may refer to. */
export function contextOf(documents: readonly ConfigurationDocument[]): Context {
  const bundles = documents.filter((document) => document.kind === 'TrustBundle');
  const providers = documents.filter((document) => document.kind === 'IdentityProvider');
  const settings = documents.filter((document) => document.kind === 'Settings');
  const egress = settings.flatMap(({ spec }) => spec.network?.egress ?? []);
  return {
    bundles: new Map(bundles.map((bundle) => [bundle.metadata.name, bundle])),
    providers: new Set(providers.map(({ metadata }) => metadata.name)),
    internal: internalNetworks(documents),
    egress: new Set(egress.map(({ name }) => name)),
    signInHost: settings[0]?.spec.signIn.host ?? null,
    headerLimits: limitsOfSettings(documents),
  };
}

/** The networks that the settings open, those that can be read. */
export function internalNetworks(documents: readonly ConfigurationDocument[]): Network[] {
  return documents
    .flatMap((document) =>
      document.kind === 'Settings' ? (document.spec.network?.internal ?? []) : [],
    )
    .map(parseNetwork)
    .filter((network) => network !== null);
}

/** Says of one document what is wrong with it beside the others. */
export function checkDocument(
  document: ConfigurationDocument,
  context: Context,
  complain: Complain,
): void {
  switch (document.kind) {
    case 'Route':
      return checkRoute(document, context, complain);
    case 'IdentityProvider':
      return checkProvider(document, context, complain);
    case 'TrustBundle':
      return checkBundle(document, complain);
    case 'Settings':
      return checkSettings(document, context, complain);
    // The rest of rules, and services, are looked at by the policy core.
    case 'Policy':
      return checkEgressNames(document, context.egress, complain);
    case 'ServiceIdentity':
      return;
  }
}

function checkRoute({ spec }: RouteDocument, context: Context, complain: Complain): void {
  for (const [index, { host }] of spec.match.entries()) {
    const wrong = signInHostProblem(host, context.signInHost);
    if (wrong !== null) complain(`/spec/match/${index}/host`, wrong);
  }
  checkUpstream(spec, context, complain);
  if (spec.audience === undefined && spec.match[0]?.host.startsWith('*.') === true) {
    complain('/spec/audience', 'is missing; it has no default where the first host has a star');
  }
  checkHeaders(spec.headers, complain);
  checkCors(spec, complain);
  checkCookies(spec.cookies, complain);
  checkHeaderLimits(spec.headerLimits, context.headerLimits, complain);
  checkRedactions(spec.records?.redact, complain);
  checkRateLimits(spec.rateLimits, complain);
  checkWebSocket(spec, complain);
}

function checkProvider(
  { spec }: IdentityProviderDocument,
  context: Context,
  complain: Complain,
): void {
  const problem = issuerUrlProblem(spec.issuer, context.internal);
  if (problem !== null) complain('/spec/issuer', problem);
  checkTrustBundle(spec.trustBundle, 'identityProvider', '/spec/trustBundle', context, complain);
}

function checkBundle({ spec }: TrustBundleDocument, complain: Complain): void {
  const certificates = readBundle(spec.certificates);
  if (typeof certificates === 'string') {
    complain('/spec/certificates', certificates);
    return;
  }
  if (!spec.use.includes('device')) return;
  for (const [index, info] of certificates.entries()) {
    const problem = authorityProblem(info);
    if (problem !== null) complain('/spec/certificates', `number ${index + 1} ${problem}`);
  }
}

function checkSettings(
  { metadata, spec }: SettingsDocument,
  context: Context,
  complain: Complain,
): void {
  if (metadata.name !== 'default') complain('/metadata/name', 'must be default');
  if (canonicalHost(spec.signIn.host) !== spec.signIn.host) {
    complain('/spec/signIn/host', 'must be a DNS name');
  }
  const provider = spec.signIn.identityProvider;
  if (!context.providers.has(provider)) {
    complain(
      '/spec/signIn/identityProvider',
      noSuch('IdentityProvider', provider, context.providers),
    );
  }
  const { rateLimit } = spec.signIn;
  if (rateLimit !== undefined) checkPace(rateLimit, '/spec/signIn/rateLimit', complain);
  checkRateLimits(spec.rateLimits, complain);
  checkEgress(spec, complain);
  checkLimitsOfSettings(spec.headerLimits, complain);
  checkRedactions(spec.records?.redact, complain);
  for (const [index, network] of (spec.network?.internal ?? []).entries()) {
    if (parseNetwork(network) !== null) continue;
    complain(
      `/spec/network/internal/${index}`,
      'must be a network such as 10.0.0.0/8, without bits beyond its length',
    );
  }
  checkForwardAuth(spec, complain);
  checkFrontProxies(spec.network?.frontProxies ?? [], complain);
  checkListener(spec.listener, complain);
  checkExports(spec.exports ?? [], context, complain);
  checkWebhooks(spec.webhooks ?? [], context, complain);
}
