import { clearCookie, sessionCookie } from '../cookies.ts';
import type { Answer, Located, OpenedSession } from '../exchange.ts';
import { navigates } from '../navigation.ts';
import { ownPaths } from './addresses.ts';
import { createBegin } from './begin.ts';
import { fromHere } from './from-here.ts';
import { sessionHere } from './live-session.ts';
import type { Endpoint, OwnNeeds } from './needs.ts';
import { deviceRefusal, refuseBecause } from './refuse.ts';

/** What the form names for all sessions but this one. */
const others = 'others';
const reachedMsMax = 2_000;

/**
 * `me`: GET shows the signed-in person their sessions, devices, recent places and refusals; POST
 * with `?end=` and a session of theirs, or `others`, ends those. Application hosts send there: the
 * scripts of an application share its origin, and would read what is known of the person elsewhere
 * and end sessions.
 */
export function createMe(needs: OwnNeeds): Endpoint {
  const { state, clock, origins } = needs;
  const begin = createBegin(needs);
  return async (value) => {
    const { signInHost } = value.bundle.settings;
    if (value.head.host !== signInHost) {
      const location = `${origins.of(signInHost)}${ownPaths.me}`;
      return { kind: 'redirect', location, cookies: [], code: 'own_page' };
    }
    const refusal = deviceRefusal(value.device, state.lockdown(clock()));
    if (refusal !== null) return refuseBecause(refusal);
    const session = await sessionHere(needs, value);
    if (session === 'in_vain') return { kind: 'notice', code: 'sign_in_no_effect' };
    if (session === 'none') {
      return navigates(value) ? begin(value, false) : { kind: 'notice', code: 'me_sign_in' };
    }
    value.opened = session;
    if (value.head.method !== 'POST') return show(needs, value, session);
    if (!fromHere(needs, value)) return { kind: 'notice', code: 'me_cross_site' };
    return end(needs, value, session);
  };
}

async function show(needs: OwnNeeds, value: Located, session: OpenedSession): Promise<Answer> {
  const described = await needs.control.describeSelf({ statement: session.jws });
  if (described.ok) return { kind: 'self', description: described.value };
  if (described.failure.code === 'invalid') return noLonger();
  const { correlationId } = value;
  needs.log.warn('self_not_described', { correlationId, ...described.failure });
  return { kind: 'failed', code: 'me_unavailable' };
}

async function end(needs: OwnNeeds, value: Located, session: OpenedSession): Promise<Answer> {
  const { control, state, log } = needs;
  const named = new URLSearchParams(value.head.query).getAll('end');
  const [sid = ''] = named;
  if (named.length !== 1 || !(sid === others || /^ses_[0-9a-z]{26}$/.test(sid))) {
    return { kind: 'notice', code: 'me_invalid' };
  }
  const sids = sid === others ? [] : [sid];
  const ended = await control.endOwnSessions({ statement: session.jws, sids });
  if (!ended.ok) {
    if (ended.failure.code === 'invalid') return noLonger();
    log.warn('own_sessions_not_ended', { correlationId: value.correlationId, ...ended.failure });
    return { kind: 'failed', code: 'me_unavailable' };
  }
  // So that the page that follows does not show what has just ended.
  const { revoke } = ended.value;
  if (revoke !== null) await state.reached('revoke', revoke, reachedMsMax);
  return { kind: 'redirect', location: ownPaths.me, cookies: [], code: 'own_sessions_ended' };
}

/** It ended in this moment: this edge has not heard of it yet. */
function noLonger(): Answer {
  return { kind: 'notice', code: 'me_sign_in', cookies: [clearCookie(sessionCookie)] };
}
