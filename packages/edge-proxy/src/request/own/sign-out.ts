import { clearCookie, sessionCookie } from '../cookies.ts';
import type { Answer, Located } from '../exchange.ts';
import { fromHere } from './from-here.ts';
import type { Endpoint, OwnNeeds } from './needs.ts';

/** `sign-out`: GET asks, POST ends the session everywhere. */
export function createSignOut(needs: OwnNeeds): Endpoint {
  return (value) => {
    if (value.head.method !== 'POST') return { kind: 'notice', code: 'sign_out_confirm' };
    return fromHere(needs, value)
      ? end(needs, value)
      : { kind: 'notice', code: 'sign_out_cross_site' };
  };
}

async function end(needs: OwnNeeds, value: Located): Promise<Answer> {
  const { sessions, control, clock, log } = needs;
  const { cookies: sent, host } = value.head;
  const cookies = [clearCookie(sessionCookie)];
  const sealed = sent?.session ?? null;
  const opened =
    sealed === null || sealed === ''
      ? null
      : (sessions.known(value.connection, host, sealed) ??
        (await sessions.open(host, sealed, clock())));
  if (opened === null) return { kind: 'notice', code: 'signed_out', cookies };
  value.opened = opened;
  const ended = await control.endSession({ statement: opened.jws });
  if (ended.ok) return { kind: 'notice', code: 'signed_out', cookies };
  log.warn('session_not_ended', { correlationId: value.correlationId, ...ended.failure });
  return { kind: 'notice', code: 'signed_out_here_only', cookies };
}
