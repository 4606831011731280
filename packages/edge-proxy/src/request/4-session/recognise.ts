import type { Clock } from '@sallyport/shared/clock';
import { grow, type Located, type OpenedSession, type Recognised } from '../exchange.ts';
import type { OpenedSessions } from './opened-sessions.ts';

/**
 * Opens the session cookie. It does not answer: no cookie, a cookie of another host and a cookie
 * with a flipped bit are all no session, and the last two are taken back with the answer.
 */
export function createRecognise(
  sessions: OpenedSessions,
  clock: Clock,
): (value: Located) => Recognised | Promise<Recognised> {
  return (value) => {
    const { cookies, host } = value.head;
    const sealed = cookies?.session ?? null;
    if (sealed === null) return recognised(value, null, false);
    const known = sealed === '' ? null : sessions.known(value.connection, host, sealed);
    if (known !== null) return recognised(value, known, false);
    return sessions
      .open(host, sealed, clock())
      .then((opened) => recognised(value, opened, opened === null));
  };
}

function recognised(
  value: Located,
  opened: OpenedSession | null,
  cookieRefused: boolean,
): Recognised {
  return grow(value, { opened, cookieRefused });
}
