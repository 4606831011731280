import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { SessionStatement } from '@sallyport/shared/session/statement';
import type { SignalEvent } from '@sallyport/shared/signals/events';
import { read } from '../store/database.ts';
import { findUserByIdentity } from '../store/users.ts';
import type { SignInParts, SignInRequest } from './complete-sign-in.ts';
import type { SessionRefusal } from './new-session.ts';
import type { ProviderIdentity } from './oidc/claims.ts';

/**
 * What sign-ins tell detectors. A sign-in never fails for it, and what is lost where the database
 * fails just then, the first request of the session tells once more.
 */
export async function noteSignIn(
  parts: SignInParts,
  { sourceAddress, place }: SignInRequest,
  { sid, userId, deviceId, issuedAtMs }: SessionStatement,
): Promise<void> {
  await take(parts, () => ({
    kind: 'signed_in',
    id: sid,
    atMs: issuedAtMs,
    sourceAddress: addressOf(sourceAddress),
    place,
    userId,
    deviceId,
    sid,
  }));
}

/** The provider vouched for who it is, and we refused. A lockdown is about nobody in particular. */
export async function noteSignInFailed(
  parts: SignInParts,
  { state, sourceAddress, place, deviceId }: SignInRequest,
  identity: ProviderIdentity,
  refusal: SessionRefusal,
): Promise<void> {
  if (refusal === 'lockdown') return;
  await take(parts, async () => {
    const user = await read(parts.database, (db) => findUserByIdentity(db, identity));
    if (user === null) return null;
    return {
      kind: 'sign_in_failed',
      id: createHash('sha256').update(state).digest('base64url'),
      atMs: parts.clock(),
      sourceAddress: addressOf(sourceAddress),
      place,
      userId: user.id,
      deviceId,
    };
  });
}

/** It failed at the provider, which does not say whose it was: it is counted, and no event. */
export function noteSignInOfNobody({ signals }: SignInParts): void {
  signals.metrics.event('sign_in_failed', 'unknown_user');
}

async function take(
  parts: SignInParts,
  event: () => SignalEvent | null | Promise<SignalEvent | null>,
): Promise<void> {
  try {
    const made = await event();
    if (made === null) noteSignInOfNobody(parts);
    else await parts.signals.take([made]);
  } catch (error) {
    parts.log.warn('identity.sign_in_not_observed', { error });
  }
}

function addressOf(said: string): string {
  return isIP(said) === 0 ? '' : said;
}
