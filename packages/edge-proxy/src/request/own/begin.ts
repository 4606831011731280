import { createHash } from 'node:crypto';
import { returnCookiePrefix } from '../cookies.ts';
import type { Answer, Received } from '../exchange.ts';
import { randomText } from '../random.ts';
import { ownPaths } from './addresses.ts';
import type { OwnNeeds } from './needs.ts';
import { sealJson } from './sealed-json.ts';
import { setInSlot, signInSeconds } from './slots.ts';

/** A longer way back does not fit into the cookie; the user lands on the start page then. */
const targetLengthMax = 1_000;

/**
 * Sends a browser from an application host to the sign-in host. What brings it back here stays in a
 * sealed cookie of this host; the other host gets only the hash of a nonce in it, so that the
 * hand-over works in this browser and in no other.
 */
export function createBegin(
  needs: OwnNeeds,
): (value: Received, stepUp: boolean) => Promise<Answer> {
  const { state, origins, clock } = needs;
  return async (value, stepUp) => {
    const ring = state.cookieRing();
    const bundle = state.bundle();
    if (ring === null || bundle === null) return { kind: 'failed', code: 'not_ready' };
    const { host, query, cookies } = value.head;
    const whole = (value.path ?? '/') + query;
    const nonce = randomText();
    const sealed = await sealJson(ring, 'return', host, {
      nonce,
      target: whole.length <= targetLengthMax ? whole : '/',
      expiresAtMs: clock() + signInSeconds * 1000,
    });
    const parameters = new URLSearchParams({
      host,
      binding: bindingOf(nonce),
      ...(stepUp ? { step_up: '1' } : {}),
    });
    return {
      kind: 'redirect',
      location: `${origins.of(bundle.settings.signInHost)}${ownPaths.signIn}?${parameters.toString()}`,
      cookies: [setInSlot(cookies, returnCookiePrefix, sealed)],
      code: 'sign_in_started',
    };
  };
}

/** What the sign-in host learns of a nonce. */
export function bindingOf(nonce: string): string {
  return createHash('sha256').update(nonce).digest('base64url');
}
