import { createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';

const jwkCharactersMax = 2_048;

/**
 * Reads the public half of an assertion key (JWK as JSON) and gives back just its known members.
 * null unless it is a P-256 key whose `kid` is its thumbprint (RFC 7638): so no edge can publish a
 * key under the name of another edge's.
 */
export async function readAssertionJwk(text: string): Promise<string | null> {
  if (text.length > jwkCharactersMax) return null;
  let jwk: unknown;
  try {
    jwk = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof jwk !== 'object' || jwk === null || 'd' in jwk) return null;
  const { kty, crv, x, y, kid, alg, use } = jwk as Readonly<Record<string, unknown>>;
  if (kty !== 'EC' || crv !== 'P-256' || typeof x !== 'string' || typeof y !== 'string')
    return null;
  if ((alg !== undefined && alg !== 'ES256') || (use !== undefined && use !== 'sig')) return null;
  const key = { kty, crv, x, y };
  try {
    createPublicKey({ key, format: 'jwk' });
  } catch {
    return null;
  }
  if (kid !== (await calculateJwkThumbprint(key))) return null;
  return JSON.stringify({ ...key, kid, alg: 'ES256', use: 'sig' });
}
