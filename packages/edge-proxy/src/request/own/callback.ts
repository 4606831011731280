import { signInCookiePrefix } from '../cookies.ts';
import type { Answer, Located } from '../exchange.ts';
import { callbackPrefix } from './addresses.ts';
import { handOver } from './hand-over-token.ts';
import { deviceIdOf, type Endpoint, type OwnNeeds } from './needs.ts';
import { deviceRefusal, refuseBecause, signInRefusal } from './refuse.ts';
import { openJson, type SignInState, sameSecret } from './sealed-json.ts';
import { sessionLine } from './session-line.ts';
import { findInSlots } from './slots.ts';

/** How long the user's own row may take to arrive, milliseconds. */
const directoryWaitMs = 2_000;

/**
 * `GET callback/<provider>` on the sign-in host: the provider sends the browser back here. Only the
 * browser that holds the sealed state of this very sign-in gets anywhere; the code is redeemed by
 * the control plane. Nothing of what the provider wrote into the address is shown.
 */
export function createCallback(needs: OwnNeeds): Endpoint {
  const { state, clock } = needs;
  return async (value) => {
    const found = await findState(needs, value);
    if (found === null) return { kind: 'notice', code: 'sign_in_lost' };
    const { found: kept, clear } = found;
    const refusal = deviceRefusal(value.device, state.lockdown(clock()));
    if (refusal !== null) return refuseBecause(refusal);
    if (kept.deviceId !== deviceIdOf(value.device)) return refuseBecause('session_other_device');
    return complete(needs, value, kept, clear);
  };
}

async function findState(
  { state, clock }: OwnNeeds,
  value: Located,
): Promise<{ readonly found: SignInState; readonly clear: string } | null> {
  const { head, path, bundle } = value;
  const ring = state.cookieRing();
  const sent = new URLSearchParams(head.query).getAll('state');
  const [wanted] = sent;
  if (ring === null || wanted === undefined || sent.length !== 1) return null;
  const provider = path.slice(callbackPrefix.length);
  // Also where the settings have named another one since the sign-in began.
  if (provider !== bundle.settings.identityProvider) return null;
  return findInSlots(head.cookies, signInCookiePrefix, async (sealed) => {
    const opened = await openJson(ring, 'sign-in', head.host, sealed, clock());
    if (opened === null || opened.value.provider !== provider) return null;
    return sameSecret(opened.value.state, wanted) ? opened.value : null;
  });
}

async function complete(
  needs: OwnNeeds,
  value: Located,
  kept: SignInState,
  clear: string,
): Promise<Answer> {
  const { state, control, sessions, origins, log, clock } = needs;
  const { head, correlationId } = value;
  const completed = await control.completeSignIn({
    provider: kept.provider,
    redirectUri: origins.of(head.host) + value.path,
    callbackQuery: head.query.slice(1),
    state: kept.state,
    nonce: kept.nonce,
    codeVerifier: kept.verifier,
    deviceId: kept.deviceId,
    sourceAddress: value.sourceAddress,
    place: needs.placeOf(value),
    userAgent: head.userAgent,
    stepUp: kept.stepUp,
    revoke: kept.revoke,
  });
  if (!completed.ok) {
    log.warn('sign_in_not_completed', { correlationId, ...completed.failure });
    return { kind: 'failed', code: 'sign_in_unavailable' };
  }
  const result = completed.value;
  if (result.kind === 'refused') {
    log.info('sign_in_refused', { correlationId, failure: result.failure, detail: result.detail });
    return withCookies(signInRefusal(result.failure), [clear]);
  }
  const ring = state.cookieRing();
  const opened =
    ring === null ? null : await sessions.verify(result.statement, ring.current.id, clock());
  if (ring === null || opened === null || opened.statement.deviceId !== kept.deviceId) {
    log.error('statement_not_accepted', { correlationId });
    return { kind: 'failed', code: 'internal' };
  }
  value.opened = opened;
  if (result.directory !== null) {
    // Late is not refused: the next request says what is missing, if it still is.
    await state.reached('directory', result.directory, directoryWaitMs);
  }
  const session = await sessionLine(ring, head.host, opened, clock());
  return handOver(needs, kept, result.statement, [session, clear]);
}

/** Adds cookies to an answer that can carry them. */
function withCookies(answer: Answer, cookies: readonly string[]): Answer {
  return answer.kind === 'notice' ? { ...answer, cookies } : answer;
}
