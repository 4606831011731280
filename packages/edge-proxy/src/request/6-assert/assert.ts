import type { DeviceFacts, Facts, UserFacts } from '@sallyport/policy';
import type { AssertionClaims } from '@sallyport/shared/assertion/claims';
import type { Clock } from '@sallyport/shared/clock';
import type { AssertionKey, CurrentState, RouteConfig } from '../../state/current.ts';
import {
  type Answer,
  type Asserted,
  type CachedAssertion,
  grow,
  type OpenedSession,
  type Permitted,
} from '../exchange.ts';
import { randomText } from '../random.ts';
import { signAtOnce } from './sign.ts';

type KnownUser = Extract<UserFacts, { readonly kind: 'known' }>;

/** Routes of one session whose assertions are kept. */
const routesKeptMax = 32;

/**
 * Says to the upstream who is asking, in one signed assertion. Kept until half of its life has
 * passed, and only while all that it says is still so. Where nobody is signed in there is none.
 */
export function createAssert(
  state: CurrentState,
  issuer: string,
  clock: Clock,
): (value: Permitted) => Asserted | Answer {
  return (value) => {
    const { opened, route, facts } = value;
    const { session, user } = facts;
    if (opened === null || session.kind !== 'live' || user.kind !== 'known') {
      return grow(value, { assertion: null });
    }
    const key = state.assertionKey();
    if (key === null) return { kind: 'failed', code: 'assertion_key_missing' };
    const nowMs = clock();
    const kept = opened.assertions.get(route.name);
    if (kept !== undefined && holds(kept, key, route, user, facts.device, nowMs)) {
      return grow(value, { assertion: kept.jwt });
    }
    const made = make(opened, facts, user, key, route, issuer, nowMs);
    // Never cut: half a list of groups would be a lie about the user.
    if (made.jwt.length > route.identity.bytesMax) {
      return { kind: 'failed', code: 'assertion_too_large' };
    }
    keep(opened, route.name, made);
    return grow(value, { assertion: made.jwt });
  };
}

function holds(
  kept: CachedAssertion,
  key: AssertionKey,
  route: RouteConfig,
  user: KnownUser,
  device: DeviceFacts,
  nowMs: number,
): boolean {
  const known = device.kind === 'known' ? device : null;
  return (
    nowMs < kept.renewAtMs &&
    kept.keyId === key.kid &&
    kept.route === route &&
    kept.email === user.email &&
    kept.deviceId === (known?.id ?? null) &&
    kept.certificateSha256 === (known?.certificateSha256 ?? null) &&
    // The same list as long as the user's row has not been replaced.
    kept.userGroups === user.groups
  );
}

function make(
  opened: OpenedSession,
  facts: Facts,
  user: KnownUser,
  key: AssertionKey,
  route: RouteConfig,
  issuer: string,
  nowMs: number,
): CachedAssertion {
  const { statement } = opened;
  const { device } = facts;
  const { ttlSeconds, groups } = route.identity;
  const issuedAtSeconds = Math.floor(nowMs / 1000);
  const held = new Set(user.groups);
  const claims: AssertionClaims = {
    issuer,
    audience: route.audience,
    subject: user.id,
    email: user.email,
    groups: groups.filter((group) => held.has(group)),
    deviceId: device.kind === 'known' ? device.id : null,
    certificateSha256: device.kind === 'known' ? device.certificateSha256 : null,
    sid: statement.sid,
    amr: statement.amr,
    tokenId: randomText(),
    issuedAtSeconds,
    expiresAtSeconds: issuedAtSeconds + ttlSeconds,
  };
  return {
    jwt: signAtOnce(claims, key),
    renewAtMs: nowMs + (ttlSeconds * 1000) / 2,
    keyId: key.kid,
    route,
    email: user.email,
    userGroups: user.groups,
    deviceId: claims.deviceId,
    certificateSha256: claims.certificateSha256,
  };
}

function keep(opened: OpenedSession, routeName: string, made: CachedAssertion): void {
  const { assertions } = opened;
  if (assertions.size >= routesKeptMax) assertions.clear();
  assertions.set(routeName, made);
}
