import type { CookieRing } from '../../state/current.ts';
import { sessionCookie, setCookie } from '../cookies.ts';
import type { OpenedSession } from '../exchange.ts';
import { seal } from '../sealed.ts';

/** The Set-Cookie line that gives a host its own seal of a session. */
export async function sessionLine(
  ring: CookieRing,
  host: string,
  { jws, statement }: OpenedSession,
  nowMs: number,
): Promise<string> {
  const sealed = await seal(ring, 'session', host, jws);
  return setCookie(sessionCookie, sealed, (statement.expiresAtMs - nowMs) / 1000);
}
