import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import {
  type AssertionClaims,
  assertionAlgorithm,
  assertionSecondsMax,
  assertionType,
} from './claims.ts';

export interface AssertionExpectation {
  readonly issuer: string;
  readonly audience: string;
  /** Default: now. */
  readonly nowMs?: number;
}

export type VerifiedAssertion =
  | { readonly ok: true; readonly claims: AssertionClaims }
  | { readonly ok: false; readonly problem: 'expired' | 'invalid' | 'keys_unavailable' };

const skewSeconds = 5;
/** An assertion with every group of a large route; what is longer is not looked at. */
const charactersMax = 16_384;

/**
 * Verifies an assertion as an upstream does: algorithm, type, issuer, audience, key named by `kid`,
 * times and the shape of every claim. `keyOf` is one of jose's JWKS sets or the like. Never throws
 * for a bad assertion.
 */
export async function verifyAssertion(
  jwt: string,
  keyOf: JWTVerifyGetKey,
  expected: AssertionExpectation,
): Promise<VerifiedAssertion> {
  if (jwt.length > charactersMax) return { ok: false, problem: 'invalid' };
  try {
    const { payload } = await jwtVerify(jwt, named(keyOf), {
      algorithms: [assertionAlgorithm],
      typ: assertionType,
      issuer: expected.issuer,
      audience: expected.audience,
      requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp'],
      maxTokenAge: assertionSecondsMax,
      clockTolerance: skewSeconds,
      ...(expected.nowMs === undefined ? {} : { currentDate: new Date(expected.nowMs) }),
    });
    const claims = readClaims(payload);
    return claims === null ? { ok: false, problem: 'invalid' } : { ok: true, claims };
  } catch (error) {
    return { ok: false, problem: problemOf(error) };
  }
}

/** Without `kid`, jose would try whatever key fits. */
function named(keyOf: JWTVerifyGetKey): JWTVerifyGetKey {
  return (header, token) => {
    if (typeof header.kid !== 'string') throw new errors.JWKSNoMatchingKey();
    return keyOf(header, token);
  };
}

function problemOf(error: unknown): 'expired' | 'invalid' | 'keys_unavailable' {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) {
    return 'keys_unavailable';
  }
  // jose has a code for everything wrong with the token; anything else came from `keyOf`.
  const tokenIsBad = error instanceof errors.JOSEError && error.code !== errors.JOSEError.code;
  return tokenIsBad ? 'invalid' : 'keys_unavailable';
}

function readClaims(payload: JWTPayload): AssertionClaims | null {
  const { iss, aud, sub, sid, jti, iat, exp, email, device, cnf } = payload;
  const groups = texts(payload['groups']);
  const amr = texts(payload['amr']);
  if (iss === undefined || typeof aud !== 'string' || sub === undefined || jti === undefined)
    return null;
  if (iat === undefined || exp === undefined || exp - iat > assertionSecondsMax) return null;
  if (typeof sid !== 'string' || typeof email !== 'string') return null;
  if (device !== undefined && typeof device !== 'string') return null;
  const certificateSha256 = thumbprint(cnf);
  if (groups === null || amr === null || certificateSha256 === undefined) return null;
  return {
    issuer: iss,
    audience: aud,
    subject: sub,
    email,
    groups,
    deviceId: device ?? null,
    certificateSha256,
    sid,
    amr,
    tokenId: jti,
    issuedAtSeconds: iat,
    expiresAtSeconds: exp,
  };
}

function texts(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  const read = value.filter((item): item is string => typeof item === 'string');
  return read.length === value.length ? read : null;
}

/** null: no confirmation claim; undefined: one that is not of this form. */
function thumbprint(cnf: unknown): string | null | undefined {
  if (cnf === undefined) return null;
  if (typeof cnf !== 'object' || cnf === null || !('x5t#S256' in cnf)) return undefined;
  const encoded = cnf['x5t#S256'];
  const bytes = Buffer.from(typeof encoded === 'string' ? encoded : '', 'base64url');
  return bytes.length === 32 ? bytes.toString('hex') : undefined;
}
