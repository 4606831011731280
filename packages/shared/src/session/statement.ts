import type { CryptoKey } from 'jose';
import { errors, jwtVerify, SignJWT } from 'jose';

/**
 * A session statement: what the control plane says about one sign-in, signed, so that any edge can
 * believe it and none can make one. JWS with EdDSA, `typ` of its own. The generations are compared
 * with those in the state on each request; times never decide whether a revocation came first.
 */
export interface SessionStatement {
  readonly sid: string;
  readonly userId: string;
  /** null: signed in without a device. */
  readonly deviceId: string | null;
  readonly authenticatedAtMs: number;
  /** RFC 8176. */
  readonly amr: readonly string[];
  readonly acr: string | null;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly generations: { readonly global: number; readonly user: number; readonly device: number };
}

const type = 'sallyport-session+jwt';
const audience = 'sallyport-edges';

/** Signs a statement; `keyId` names the key in the state by which edges verify it. */
export async function signStatement(
  statement: SessionStatement,
  key: CryptoKey,
  keyId: string,
): Promise<string> {
  return new SignJWT({
    sid: statement.sid,
    dev: statement.deviceId,
    auth_time_ms: statement.authenticatedAtMs,
    amr: [...statement.amr],
    acr: statement.acr,
    exp_ms: statement.expiresAtMs,
    iat_ms: statement.issuedAtMs,
    gen: [statement.generations.global, statement.generations.user, statement.generations.device],
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: keyId, typ: type })
    .setSubject(statement.userId)
    .setAudience(audience)
    .setIssuedAt(Math.floor(statement.issuedAtMs / 1000))
    .setExpirationTime(Math.ceil(statement.expiresAtMs / 1000))
    .sign(key);
}

export type StatementProblem = 'expired' | 'invalid';

/**
 * Verifies signature, type, audience and shape. `keyOf` gives the key that is live at `nowMs` for a
 * key id, or null. Never throws for a bad statement.
 */
export async function verifyStatement(
  jws: string,
  keyOf: (keyId: string) => CryptoKey | null,
  nowMs: number,
): Promise<SessionStatement | StatementProblem> {
  try {
    const { payload } = await jwtVerify(
      jws,
      (header) => {
        const key = typeof header.kid === 'string' ? keyOf(header.kid) : null;
        if (key === null) throw new errors.JWKSNoMatchingKey();
        return key;
      },
      {
        algorithms: ['EdDSA'],
        typ: type,
        audience,
        requiredClaims: ['sub', 'sid', 'exp', 'iat', 'exp_ms', 'auth_time_ms', 'gen'],
        currentDate: new Date(nowMs),
      },
    );
    const statement = readClaims(payload);
    if (statement === null) return 'invalid';
    // `exp` knows whole seconds only.
    return statement.expiresAtMs <= nowMs ? 'expired' : statement;
  } catch (error) {
    return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
  }
}

function readClaims(claims: Record<string, unknown>): SessionStatement | null {
  const { sub, sid, dev, auth_time_ms, amr, acr, iat_ms, exp_ms, gen } = claims;
  if (typeof sub !== 'string' || typeof sid !== 'string') return null;
  if (dev !== null && typeof dev !== 'string') return null;
  if (acr !== null && typeof acr !== 'string') return null;
  if (!isCount(auth_time_ms) || !isCount(iat_ms) || !isCount(exp_ms)) return null;
  if (!Array.isArray(amr) || !amr.every((method) => typeof method === 'string')) return null;
  if (!Array.isArray(gen) || gen.length !== 3) return null;
  const [global, user, device] = gen as unknown[];
  if (!isCount(global) || !isCount(user) || !isCount(device)) return null;
  return {
    sid,
    userId: sub,
    deviceId: dev,
    authenticatedAtMs: auth_time_ms,
    amr,
    acr,
    issuedAtMs: iat_ms,
    expiresAtMs: exp_ms,
    generations: { global, user, device },
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
