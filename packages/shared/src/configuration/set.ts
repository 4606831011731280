import { canonicalHost, type Network, parseNetwork } from '@sallyport/policy';
import type { FieldProblem } from '../errors.ts';
import { authorityProblem, readBundle } from '../pki/device-authorities.ts';
import {
  builtInDeviceBundle,
  type ConfigurationDocument,
  type IdentityProviderDocument,
  type RouteDocument,
  type SettingsDocument,
  type TrustBundleDocument,
} from './documents.ts';
import { compileProblems } from './policy-set.ts';
import { issuerUrlProblem, originProblem, upstreamUrlProblem } from './urls.ts';

export { toPolicySet } from './policy-set.ts';

/**
 * What the schemas cannot see: whether the documents of a set fit together. Run by the control
 * plane before a set becomes a version, and by an edge before it goes live.
 */

export interface CheckOptions {
  /** Documents that we add and users cannot define; references to them hold. */
  readonly builtIn?: readonly ConfigurationDocument[];
}

type Complain = (path: string, message: string) => void;

interface Context {
  readonly bundles: ReadonlyMap<string, TrustBundleDocument>;
  readonly providers: ReadonlySet<string>;
  readonly internal: readonly Network[];
}

/** All problems of the set together; `field` is kind, name and JSON pointer. None: it is sound. */
export function checkSet(
  documents: readonly ConfigurationDocument[],
  options: CheckOptions = {},
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const first = new Map<string, ConfigurationDocument>();
  for (const document of documents) {
    const name = nameOf(document);
    if (first.has(name)) problems.push({ field: name, message: 'is in the set twice' });
    else first.set(name, document);
    if (isBuiltIn(document))
      problems.push({ field: name, message: 'is built in; use another name' });
  }
  const distinct = [...first.values()];
  const settings = distinct.filter((document) => document.kind === 'Settings');
  if (settings.length === 0) {
    problems.push({ field: 'Settings/default', message: 'is missing; every set needs it' });
  }
  const context = contextOf([...distinct, ...(options.builtIn ?? [])]);
  for (const document of distinct) {
    const name = nameOf(document);
    checkDocument(document, context, (path, message) => {
      problems.push({ field: `${name} ${path}`, message });
    });
  }
  return [...problems, ...compileProblems(distinct)];
}

/** Whether the document is one that only we may put into a set. */
export function isBuiltIn({ kind, metadata }: ConfigurationDocument): boolean {
  return kind === 'TrustBundle' && metadata.name === builtInDeviceBundle;
}

/** Kind and name: what is unique in a set. */
export function nameOf({ kind, metadata }: ConfigurationDocument): string {
  return `${kind}/${metadata.name}`;
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

function contextOf(documents: readonly ConfigurationDocument[]): Context {
  const bundles = documents.filter((document) => document.kind === 'TrustBundle');
  const providers = documents.filter((document) => document.kind === 'IdentityProvider');
  return {
    bundles: new Map(bundles.map((bundle) => [bundle.metadata.name, bundle])),
    providers: new Set(providers.map(({ metadata }) => metadata.name)),
    internal: internalNetworks(documents),
  };
}

function checkDocument(
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
    // Rules are looked at by the policy core.
    case 'Policy':
      return;
  }
}

function checkRoute({ spec }: RouteDocument, context: Context, complain: Complain): void {
  const { url, plainHttp = false, trustBundle, serverName } = spec.upstream;
  const problem = upstreamUrlProblem(url, plainHttp, context.internal);
  if (problem !== null) complain('/spec/upstream/url', problem);
  if (plainHttp) {
    const message = 'has no meaning without TLS (plainHttp: true)';
    if (trustBundle !== undefined) complain('/spec/upstream/trustBundle', message);
    if (serverName !== undefined) complain('/spec/upstream/serverName', message);
  }
  if (serverName !== undefined && canonicalHost(serverName) !== serverName) {
    complain('/spec/upstream/serverName', 'must be a DNS name');
  }
  checkTrustBundle(trustBundle, 'upstream', '/spec/upstream/trustBundle', context, complain);
  if (spec.audience === undefined && spec.match[0]?.host.startsWith('*.') === true) {
    complain('/spec/audience', 'is missing; it has no default where the first host has a star');
  }
  for (const [index, origin] of (spec.webSocket?.origins ?? []).entries()) {
    const wrong = originProblem(origin);
    if (wrong !== null) complain(`/spec/webSocket/origins/${index}`, wrong);
  }
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
    complain('/spec/signIn/identityProvider', `there is no IdentityProvider named ${provider}`);
  }
  for (const [index, network] of (spec.network?.internal ?? []).entries()) {
    if (parseNetwork(network) !== null) continue;
    complain(
      `/spec/network/internal/${index}`,
      'must be a network such as 10.0.0.0/8, without bits beyond its length',
    );
  }
}

function checkTrustBundle(
  name: string | undefined,
  use: TrustBundleDocument['spec']['use'][number],
  path: string,
  { bundles }: Context,
  complain: Complain,
): void {
  if (name === undefined) return;
  const bundle = bundles.get(name);
  if (bundle === undefined) complain(path, `there is no TrustBundle named ${name}`);
  else if (!bundle.spec.use.includes(use)) complain(path, `TrustBundle ${name} is not for ${use}`);
}
