import { parseHostPattern } from '@sallyport/policy';

/**
 * What is wrong with a route's host beside the host that people sign in at; null: nothing. An
 * application there would share the origin of the person's own page and of every sign-in: its
 * scripts could read the one and get into the other.
 */
export function signInHostProblem(host: string, signInHost: string | null): string | null {
  if (signInHost === null) return null;
  if (host === signInHost)
    return 'is the sign-in host (Settings, signIn.host): no route may have it';
  const pattern = parseHostPattern(host);
  const parent = signInHost.slice(signInHost.indexOf('.') + 1);
  if (pattern?.kind !== 'wildcard' || pattern.suffix !== parent) return null;
  return `takes in the sign-in host ${signInHost} (Settings, signIn.host), which no route may have: write the hosts out, or sign in at a host that the star does not match`;
}
