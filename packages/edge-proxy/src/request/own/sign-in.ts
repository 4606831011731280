import { createHash } from 'node:crypto';
import { canonicalHost, hostKnown } from '@sallyport/policy';
import type { LiveBundle } from '../../state/current.ts';
import { signInCookiePrefix } from '../cookies.ts';
import type { Answer, Located } from '../exchange.ts';
import { randomText } from '../random.ts';
import { callbackPath } from './addresses.ts';
import { handOver } from './hand-over-token.ts';
import { liveSession } from './live-session.ts';
import { deviceIdOf, type Endpoint, type OwnNeeds } from './needs.ts';
import { deviceRefusal, refuseBecause } from './refuse.ts';
import { type SignInState, sealJson } from './sealed-json.ts';
import { setInSlot, signInSeconds } from './slots.ts';

interface Wish {
  readonly host: string;
  readonly binding: string;
  readonly stepUp: boolean;
}

/**
 * `GET sign-in` on the sign-in host: hands a session of this browser and device over if there is
 * one, and otherwise sends the browser to the identity provider.
 */
export function createSignIn(needs: OwnNeeds): Endpoint {
  const { state, clock } = needs;
  return async (value) => {
    const { bundle } = value;
    const wish = readWish(value.head.query, bundle);
    if (wish === null) return { kind: 'notice', code: 'sign_in_invalid' };
    const refusal = deviceRefusal(value.device, state.lockdown(clock()));
    if (refusal !== null) return refuseBecause(refusal);
    const session = wish.stepUp ? null : await liveSession(needs, value);
    if (session === null) return begin(needs, value, wish);
    value.opened = session;
    return handOver(needs, wish, session.jws, []);
  };
}

function readWish(query: string, bundle: LiveBundle): Wish | null {
  const parameters = new URLSearchParams(query);
  const host = canonicalHost(parameters.get('host') ?? '');
  const binding = parameters.get('binding') ?? '';
  if (host === null) return null;
  // The sign-in host has no applications, but a page for signed-in people.
  if (host !== bundle.settings.signInHost && !hostKnown(bundle.policy, host)) return null;
  if (!/^[A-Za-z0-9_-]{43}$/.test(binding)) return null;
  return { host, binding, stepUp: parameters.get('step_up') === '1' };
}

async function begin(needs: OwnNeeds, value: Located, wish: Wish): Promise<Answer> {
  const { state, control, origins, clock, log } = needs;
  const ring = state.cookieRing();
  if (ring === null) return { kind: 'failed', code: 'not_ready' };
  const { head, bundle } = value;
  const provider = bundle.settings.identityProvider;
  const kept: Omit<SignInState, 'revoke'> = {
    state: randomText(),
    nonce: randomText(),
    verifier: randomText(),
    provider,
    host: wish.host,
    binding: wish.binding,
    stepUp: wish.stepUp,
    deviceId: deviceIdOf(value.device),
    expiresAtMs: clock() + signInSeconds * 1000,
  };
  const begun = await control.beginSignIn({
    provider,
    redirectUri: origins.of(head.host) + callbackPath(provider),
    state: kept.state,
    nonce: kept.nonce,
    // RFC 7636, 4.2: S256.
    codeChallenge: createHash('sha256').update(kept.verifier).digest('base64url'),
    stepUp: wish.stepUp,
  });
  const { correlationId } = value;
  if (!begun.ok) {
    log.warn('sign_in_not_begun', { correlationId, ...begun.failure });
    return { kind: 'failed', code: 'sign_in_unavailable' };
  }
  if (!begun.value.authorizationUrl.startsWith('https://')) {
    log.error('sign_in_not_begun', { correlationId, detail: 'the address is not https' });
    return { kind: 'failed', code: 'sign_in_unavailable' };
  }
  const sealed = await sealJson(ring, 'sign-in', head.host, {
    ...kept,
    revoke: begun.value.revoke,
  });
  return {
    kind: 'redirect',
    location: begun.value.authorizationUrl,
    cookies: [setInSlot(head.cookies, signInCookiePrefix, sealed)],
    code: 'sign_in_to_provider',
  };
}
