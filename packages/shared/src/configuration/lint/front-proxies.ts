import type { RouteDocument, SettingsDocument } from '../documents.ts';
import type { LintFinding } from './finding.ts';
import type { Subject } from './rules.ts';

type Proxy = NonNullable<SettingsDocument['spec']['forwardAuth']>['proxies'][number];

/** What is done by whoever forwards, by where it stands in a route. */
const ofForwarding: readonly (readonly string[])[] = [
  ...['path', 'timeouts', 'connectionMaxAge', 'limits', 'ejection', 'retry', 'health'].map(
    (name) => ['upstream', name],
  ),
  ['webSocket', 'timeouts'],
  ['headers'],
  ['cors'],
  ['cookies'],
];

/**
 * Settings of forwarding in routes all of whose hosts are those of front proxies that only ask for
 * verdicts: what such a proxy forwards, it forwards as it likes.
 */
export function notForwarded({ documents, routes }: Subject): LintFinding[] {
  const proxies = documents.flatMap((document) =>
    document.kind === 'Settings' ? (document.spec.forwardAuth?.proxies ?? []) : [],
  );
  return routes.flatMap((route): LintFinding[] => {
    const names = namesOf(route, proxies);
    if (names === null) return [];
    const message = `has no effect on what is forwarded by ${names}, which only asks for verdicts`;
    return ofForwarding
      .filter((path) => isSet(route.spec, path))
      .map((path) => ({
        code: 'not_forwarded_here',
        document: `Route/${route.metadata.name}`,
        path: `/spec/${path.join('/')}`,
        message,
      }));
  });
}

/** The front proxies of all its hosts; null: one of these has none. */
function namesOf({ spec }: RouteDocument, proxies: readonly Proxy[]): string | null {
  const names = new Set<string>();
  for (const { host } of spec.match) {
    const proxy = proxies.find(({ hosts }) => hosts.some((pattern) => includes(pattern, host)));
    if (proxy === undefined) return null;
    names.add(proxy.name);
  }
  return [...names].join(', ');
}

/** Whether all that one host pattern stands for is in another; a star stands for one label. */
function includes(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  return pattern.startsWith('*.') && host.slice(host.indexOf('.')) === pattern.slice(1);
}

function isSet(spec: object, path: readonly string[]): boolean {
  let value: unknown = spec;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return false;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value !== undefined;
}
