import type { KeyObject } from 'node:crypto';
import { type CryptoKey, type JWTPayload, SignJWT } from 'jose';
import { type AssertionClaims, assertionAlgorithm, assertionType } from './claims.ts';

/** Signs an assertion (JWS, ES256) with the edge's key; `kid` is its name in the JWKS. */
export async function signAssertion(
  claims: AssertionClaims,
  key: CryptoKey | KeyObject,
  kid: string,
): Promise<string> {
  return new SignJWT(assertionPayload(claims))
    .setProtectedHeader(assertionJwtHeader(kid))
    .sign(key);
}

/** The protected header of an assertion. */
export function assertionJwtHeader(kid: string): { alg: string; kid: string; typ: string } {
  return { alg: assertionAlgorithm, kid, typ: assertionType };
}

/** The claims as they stand in the JWT, for whoever signs it. */
export function assertionPayload(claims: AssertionClaims): JWTPayload {
  return {
    iss: claims.issuer,
    aud: claims.audience,
    sub: claims.subject,
    email: claims.email,
    groups: [...claims.groups],
    ...(claims.deviceId === null ? {} : { device: claims.deviceId }),
    sid: claims.sid,
    amr: [...claims.amr],
    ...confirmation(claims.certificateSha256),
    jti: claims.tokenId,
    iat: claims.issuedAtSeconds,
    exp: claims.expiresAtSeconds,
  };
}

/** RFC 8705, 3.1: the certificate that the request came with. */
function confirmation(sha256: string | null): { cnf?: { 'x5t#S256': string } } {
  if (sha256 === null) return {};
  return { cnf: { 'x5t#S256': Buffer.from(sha256, 'hex').toString('base64url') } };
}
