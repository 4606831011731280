import { canonicalHost, canonicalPath, matchRoute } from '@sallyport/policy';
import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import type { PolicyVersion } from '../../simulate/versions.ts';
import { badField, contradiction } from '../http/problems.ts';

export interface AskedTarget {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
}

/** null: left open. */
export interface Target {
  readonly method: string | null;
  readonly path: string | null;
}

/** What of a route is asked about. Throws where it is not of this route. */
export function targetOf(
  { policies }: PolicyVersion,
  route: RouteDocument,
  { method, path, host }: AskedTarget,
): Target {
  const { match } = route.spec;
  if (path === undefined) {
    if (host !== undefined) throw badField('?host', 'goes with `path`');
    if (method !== undefined && !match.some(({ methods }) => methods?.includes(method) ?? true)) {
      throw contradiction('?method', 'is not taken by this route');
    }
    return { method: method ?? null, path: null };
  }
  const canonical = canonicalPath(path);
  if (!canonical.ok) throw badField('?path', `is refused by edges (${canonical.problem})`);
  const leadsHere = match.some((one) => {
    const request = {
      host: hostOf(one.host, host),
      path: canonical.path,
      method: method ?? one.methods?.[0] ?? 'GET',
    };
    const found = matchRoute(policies, request);
    return found.kind === 'route' && found.route.name === route.metadata.name;
  });
  if (!leadsHere) throw contradiction('?path', 'leads to another route, or to none');
  return { method: method ?? null, path: canonical.path };
}

/** For a wildcard, some host that it covers. */
function hostOf(pattern: string, given: string | undefined): string {
  if (given === undefined) return pattern.replace(/^\*\./, 'some.');
  const host = canonicalHost(given);
  if (host === null) throw badField('?host', 'is no DNS name');
  return host;
}
