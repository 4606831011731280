import { canonicalHost } from './canonical-host.ts';
import { isCanonicalPath } from './canonical-path.ts';
import type { RequestFacts } from './facts.ts';
import type { GroupIndex } from './groups.ts';
import { segmentsOf } from './pattern.ts';
import { nothing, type PathTable, type RouteMatchResult } from './route-table.ts';

/** A policy set ready to decide on. Belongs to one thread. */
export interface CompiledPolicySet {
  /** Number of the configuration version. */
  readonly version: number;
  readonly exactHosts: ReadonlyMap<string, PathTable>;
  /** By what follows the star and its dot. */
  readonly wildcardHosts: ReadonlyMap<string, PathTable>;
  readonly groups: GroupIndex;
  /** Name of the service identity that a device stands for, or null. */
  readonly serviceOf: (deviceId: string) => string | null;
  /** Lower-case names of the headers that conditions look at: what facts have to bring. */
  readonly headerNames: readonly string[];
}

/** What of a request its route depends on. */
export type RoutedRequest = Pick<RequestFacts, 'method' | 'host' | 'path'>;

/**
 * Finds the route of a request. What is not in canonical form has none: it was not what the gate
 * looked at.
 */
export function matchRoute(compiled: CompiledPolicySet, request: RoutedRequest): RouteMatchResult {
  const segments = canonicalSegments(request.path);
  return segments === null ? nothing : findRoute(compiled, request, segments);
}

/** Whether any route has this host, exactly or by a wildcard. */
export function hostKnown(compiled: CompiledPolicySet, host: string): boolean {
  return pathsOf(compiled, host) !== undefined;
}

/** The segments of a path for matching, or null where the path is not canonical. */
export function canonicalSegments(path: string): readonly string[] | null {
  return isCanonicalPath(path) ? segmentsOf(path) : null;
}

/** `matchRoute` for segments that are there already. */
export function findRoute(
  compiled: CompiledPolicySet,
  request: RoutedRequest,
  segments: readonly string[],
): RouteMatchResult {
  const paths = pathsOf(compiled, request.host);
  return paths === undefined ? nothing : paths.find(segments, request.method);
}

/**
 * An exact host owns its name: where it has no route for a path, the wildcard's routes do not step
 * in. Naming a host in a route must not leave the rest of it to rules written for others.
 */
function pathsOf(compiled: CompiledPolicySet, host: string): PathTable | undefined {
  const exact = compiled.exactHosts.get(host);
  if (exact !== undefined || compiled.wildcardHosts.size === 0) return exact;
  const dot = host.indexOf('.');
  if (dot < 1) return undefined;
  const wildcard = compiled.wildcardHosts.get(host.slice(dot + 1));
  return wildcard !== undefined && canonicalHost(host) === host ? wildcard : undefined;
}
