import type { ConfigurationDocument, PolicyDocument } from '../documents.ts';
import { ofKind, ruleKinds } from '../names.ts';

/** What all tests of a set may come to: about a second. */
export const workMax = 2_000_000;
/** Expressions take longer than comparisons, and a named condition may be one. */
const slow = 10;

/** How much work a test at a route is at the most: as much as the rules that hold for the route. */
export function workByRoute(
  documents: readonly ConfigurationDocument[],
): (route: string | null) => number {
  const byPolicy = new Map(
    ofKind(documents, 'Policy').map((policy) => [policy.metadata.name, workOf(policy)]),
  );
  const everywhere = ofKind(documents, 'Settings').flatMap(({ spec }) => spec.policies ?? []);
  const byRoute = new Map(
    ofKind(documents, 'Route').map(({ metadata, spec }) => {
      const policies = new Set([...everywhere, ...spec.policies]);
      return [
        metadata.name,
        [...policies].reduce((sum, name) => sum + (byPolicy.get(name) ?? 0), 1),
      ];
    }),
  );
  return (route) => byRoute.get(route ?? '') ?? 1;
}

function workOf({ spec }: PolicyDocument): number {
  const rules = ruleKinds.flatMap((kind) => spec[kind] ?? []);
  return rules.reduce((sum, { when, pathsMatching, conditions }) => {
    return sum + ((when ?? pathsMatching ?? conditions) === undefined ? 1 : slow);
  }, 0);
}
