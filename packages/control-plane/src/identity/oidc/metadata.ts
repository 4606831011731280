import { SallyportError } from '@sallyport/shared/errors';
import type { ServerMetadata } from 'openid-client';

/** Endpoints that the control plane calls or sends a browser to. */
const endpoints = [
  ['authorization_endpoint', 'required'],
  ['token_endpoint', 'required'],
  ['jwks_uri', 'required'],
  ['userinfo_endpoint', 'optional'],
] as const;

/**
 * Refuses a discovery document that speaks for another issuer or points anywhere but to the
 * issuer's own origin, or to one of `endpointHosts` on port 443: whoever controls a part of the
 * answer could else name their own keys.
 */
export function checkMetadata(
  metadata: ServerMetadata,
  issuer: string,
  endpointHosts: readonly string[],
): void {
  // Exact, where the library compares normalised URLs.
  if (metadata.issuer !== issuer) throw lie('it names another issuer');
  const { origin } = new URL(issuer);
  const origins = new Set([origin, ...endpointHosts.map((host) => `https://${host}`)]);
  for (const [name, need] of endpoints) {
    const value: unknown = metadata[name];
    if (value === undefined && need === 'optional') continue;
    if (typeof value !== 'string' || !URL.canParse(value)) throw lie(`${name} is not a URL`);
    const url = new URL(value);
    if (url.protocol !== 'https:') throw lie(`${name} is not https`);
    if (!origins.has(url.origin)) {
      throw lie(`${name} is not on the issuer's host, nor on one of endpointHosts`);
    }
    if (url.username !== '' || url.password !== '') throw lie(`${name} holds credentials`);
  }
}

function lie(problem: string): SallyportError {
  return new SallyportError(
    'provider_unavailable',
    `The discovery document of the identity provider is refused: ${problem}.`,
  );
}
