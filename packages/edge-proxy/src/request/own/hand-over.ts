import type { CookieRing } from '../../state/current.ts';
import { sessionFacts } from '../5-decide/session-facts.ts';
import { returnCookiePrefix } from '../cookies.ts';
import type { Answer, Located, OpenedSession } from '../exchange.ts';
import { bindingOf } from './begin.ts';
import { deviceIdOf, type Endpoint, type OwnNeeds } from './needs.ts';
import { deviceRefusal, refuseBecause } from './refuse.ts';
import { type HandOver, openJson, type ReturnState, sameSecret } from './sealed-json.ts';
import { sessionLine } from './session-line.ts';
import { findInSlots } from './slots.ts';

/**
 * `GET hand-over` on an application host: takes a session from the sign-in host, once, in the
 * browser that was sent there from here and on the device that the session was made on.
 */
export function createHandOver(needs: OwnNeeds): Endpoint {
  const { state, sessions, clock } = needs;
  return async (value) => {
    const { host, query } = value.head;
    const ring = state.cookieRing();
    if (ring === null) return { kind: 'failed', code: 'not_ready' };
    const tokens = new URLSearchParams(query).getAll('token');
    const token = tokens.length === 1 ? (tokens[0] ?? '') : '';
    const given = await openJson(ring, 'hand-over', host, token, clock());
    if (given === null) return { kind: 'notice', code: 'sign_in_lost' };
    const came = await findReturn(needs, value, ring, given.value.binding);
    const opened = await sessions.verify(given.value.statement, given.keyId, clock());
    if (opened === null) return { kind: 'notice', code: 'sign_in_lost' };
    if (came === null) return burn(needs, value, given.value, opened);
    value.opened = opened;
    const refusal = whyNotHere(needs, value, opened);
    return refusal ?? redeem(needs, value, given.value, opened, came);
  };
}

interface Came {
  readonly found: ReturnState;
  readonly clear: string;
}

/** What this browser was given when it was sent away: without it the hand-over is another's. */
async function findReturn(
  { clock }: OwnNeeds,
  { head }: Located,
  ring: CookieRing,
  binding: string,
): Promise<Came | null> {
  return findInSlots(head.cookies, returnCookiePrefix, async (sealed) => {
    const opened = await openJson(ring, 'return', head.host, sealed, clock());
    const same = opened !== null && sameSecret(bindingOf(opened.value.nonce), binding);
    return same ? opened.value : null;
  });
}

/** A session that holds, of a device, is handed over to that device alone. */
function whyNotHere(needs: OwnNeeds, value: Located, opened: OpenedSession): Answer | null {
  return needs.state.pass(() => whyNotHereNow(needs, value, opened));
}

function whyNotHereNow(needs: OwnNeeds, value: Located, opened: OpenedSession): Answer | null {
  const { state, clock } = needs;
  if (sessionFacts(state, opened, clock()).kind !== 'live') return refuseBecause('session_ended');
  const device = needs.identify(value);
  const refusal = deviceRefusal(device, state.lockdown(clock()));
  if (refusal !== null) return refuseBecause(refusal);
  const here = deviceIdOf(device);
  const { deviceId } = opened.statement;
  if (deviceId === null || deviceId === here) return null;
  return refuseBecause(here === null ? 'device_certificate_missing' : 'session_other_device');
}

/** A token in a browser that it was not made for has got out: it shall work nowhere any more. */
async function burn(
  { control, log }: OwnNeeds,
  { correlationId }: Located,
  { tokenId, expiresAtMs }: HandOver,
  { statement: { sid } }: OpenedSession,
): Promise<Answer> {
  const redeemed = await control.redeemHandOver({ jti: tokenId, expiresAtMs, sid });
  if (!redeemed.ok) log.warn('hand_over_not_burnt', { correlationId, ...redeemed.failure });
  return { kind: 'notice', code: 'sign_in_lost' };
}

async function redeem(
  { state, control, clock, log }: OwnNeeds,
  { head, correlationId }: Located,
  { tokenId, expiresAtMs }: HandOver,
  opened: OpenedSession,
  came: Came,
): Promise<Answer> {
  const { sid } = opened.statement;
  const redeemed = await control.redeemHandOver({ jti: tokenId, expiresAtMs, sid });
  const ring = state.cookieRing();
  if (!redeemed.ok) log.warn('hand_over_not_redeemed', { correlationId, ...redeemed.failure });
  if (!redeemed.ok || ring === null) return { kind: 'failed', code: 'sign_in_unavailable' };
  if (!redeemed.value.first) return { kind: 'notice', code: 'sign_in_used', cookies: [came.clear] };
  return {
    kind: 'redirect',
    location: came.found.target,
    cookies: [await sessionLine(ring, head.host, opened, clock()), came.clear],
    code: 'session_handed_over',
  };
}
