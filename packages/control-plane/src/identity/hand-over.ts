import { SallyportError } from '@sallyport/shared/errors';
import { type Database, read } from '../store/database.ts';
import { findSession } from '../store/sessions.ts';
import { useOnce } from '../store/single-use.ts';

/** A hand-over token lives 60 s; an edge that asks for more does not speak of one. */
const lifetimeMsMax = 120_000;
const skewMs = 60_000;
const tokenId = /^[A-Za-z0-9_-]{16,128}$/;

/**
 * Marks a hand-over token as used. True only for the first caller, and only while the session it
 * hands over has not been ended.
 */
export async function redeemHandOver(
  database: Database,
  token: { readonly jti: string; readonly sid: string; readonly expiresAtMs: number },
  nowMs: number,
): Promise<boolean> {
  const { jti, sid, expiresAtMs } = token;
  const plausible = expiresAtMs > nowMs - skewMs && expiresAtMs < nowMs + lifetimeMsMax + skewMs;
  if (!tokenId.test(jti) || sid.length > 64 || !plausible) {
    throw new SallyportError('invalid_request', 'this is not a hand-over token');
  }
  return read(database, async (db) => {
    const first = await useOnce(db, 'hand-over', jti, expiresAtMs + 2 * skewMs);
    if (!first) return false;
    const session = await findSession(db, sid);
    return session !== null && session.endedAtMs === null;
  });
}
