import { isIP } from 'node:net';
import type {
  ConfigurationDocument,
  RouteDocument,
} from '@sallyport/shared/configuration/documents';
import { rewritePath } from '@sallyport/shared/configuration/rewrite-path';
import { writtenTargets } from '@sallyport/shared/configuration/upstream-targets';

/** How one route's upstream is asked, as an edge would, but without being one. */
export interface Target {
  readonly route: string;
  readonly url: URL;
  /** The Host header. */
  readonly host: string;
  readonly audience: string;
  /** Name asked for and verified in TLS. */
  readonly serverName: string;
  /** Whose certificate it must be, instead of that of a name; null: of the name. */
  readonly spiffeId: string | null;
  /** PEM; null: the authorities of the system. */
  readonly authorities: string | null;
}

/** The targets of all routes of a configuration, by name. */
export function targetsOf(documents: readonly ConfigurationDocument[]): readonly Target[] {
  const bundles = new Map(
    documents
      .filter((document) => document.kind === 'TrustBundle')
      .map(({ metadata, spec }) => [metadata.name, spec.certificates]),
  );
  return documents
    .filter((document) => document.kind === 'Route')
    .flatMap((route) => targetsOfRoute(route, bundles))
    .sort((a, b) => (a.route < b.route ? -1 : 1));
}

function targetsOfRoute(
  { metadata, spec }: RouteDocument,
  bundles: ReadonlyMap<string, string>,
): Target[] {
  const [match] = spec.match;
  const { upstream } = spec;
  // A name that the pattern stands for; which one an upstream cannot tell.
  const asked = (match?.host ?? '').replace(/^\*\./, 'probe.');
  return writtenTargets(upstream).map((target) => {
    const url = new URL(target.url);
    const name = url.hostname.replace(/^\[|\]$/g, '');
    const { stripPrefix = '', addPrefix = '' } = upstream.path ?? {};
    const path = literalPath(match?.path ?? '/');
    url.pathname = rewritePath(path, { stripPrefix, addPrefix }) ?? path;
    return {
      route: metadata.name,
      url,
      host: upstream.host === 'upstream' ? url.host : asked,
      audience: spec.audience ?? `https://${match?.host ?? ''}`,
      serverName: target.serverName ?? (isIP(name) === 0 ? name : ''),
      spiffeId: upstream.spiffeId ?? null,
      authorities:
        upstream.trustBundle === undefined ? null : (bundles.get(upstream.trustBundle) ?? ''),
    };
  });
}

/** The beginning of a path pattern that stands for itself. */
function literalPath(pattern: string): string {
  const segments = pattern.split('/');
  const end = segments.findIndex((segment) => segment === '**' || segment.startsWith('{'));
  return end < 0 ? pattern : `${segments.slice(0, end).join('/')}/`;
}
