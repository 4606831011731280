import { decodeProtectedHeader, type JWTPayload } from 'jose';

/** Signature algorithms accepted on an ID token; openid-client is held to the same list. */
export const idTokenAlgorithms: readonly string[] = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'];
export const clockToleranceSeconds = 60;

/** A token is redeemed seconds after it was made; more means that it was kept. */
const ageSecondsMax = 600;
const lifetimeSecondsMax = 86_400;
/** Header parameters that bring a key, name one by URL, or change how the token is read. */
const refusedHeaders = ['jwk', 'jku', 'x5c', 'x5u', 'crit', 'b64'];

/**
 * What openid-client leaves open once signature, issuer, audience, nonce and expiry hold. Returns
 * what is wrong, or null.
 */
export function idTokenProblem(
  token: string,
  claims: JWTPayload & { readonly azp?: unknown },
  clientId: string,
  nowMs: number,
): string | null {
  const header = decodeProtectedHeader(token);
  for (const name of refusedHeaders) {
    if (name in header) return `header parameter ${name} is not accepted`;
  }
  if (claims.azp !== undefined && claims.azp !== clientId) return 'azp is another client';
  if (typeof claims.sub !== 'string' || claims.sub === '' || claims.sub.length > 255) {
    return 'sub is empty or too long';
  }
  const now = nowMs / 1000;
  const { iat, exp } = claims;
  if (typeof iat !== 'number' || typeof exp !== 'number') return 'iat or exp is missing';
  if (iat > now + clockToleranceSeconds) return 'iat is in the future';
  if (iat < now - ageSecondsMax) return 'iat is too long ago';
  if (exp - iat > lifetimeSecondsMax) return 'exp is too far from iat';
  return null;
}
