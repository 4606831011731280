import { ownPrefix } from '../origins.ts';

/** Addresses of our own endpoints; each is exactly one path. */
export const ownPaths = {
  signIn: `${ownPrefix}sign-in`,
  handOver: `${ownPrefix}hand-over`,
  signOut: `${ownPrefix}sign-out`,
  jwks: `${ownPrefix}jwks.json`,
  me: `${ownPrefix}me`,
} as const;

/** Each provider has a callback of its own, so that none can answer for another (RFC 9700, 4.4). */
export const callbackPrefix = `${ownPrefix}callback/`;

export function callbackPath(provider: string): string {
  return callbackPrefix + provider;
}
