import { sessionFacts, userFacts } from '../5-decide/session-facts.ts';
import type { Located, OpenedSession } from '../exchange.ts';
import { deviceIdOf, type OwnNeeds } from './needs.ts';

/** The session of this host, where it holds, and on the very device it was made on; or null. */
export async function liveSession(needs: OwnNeeds, value: Located): Promise<OpenedSession | null> {
  const { state, sessions, clock } = needs;
  const { cookies, host } = value.head;
  const sealed = cookies?.session ?? null;
  if (sealed === null || sealed === '') return null;
  const opened =
    sessions.known(value.connection, host, sealed) ?? (await sessions.open(host, sealed, clock()));
  const { session, user } = state.pass(() => {
    const nowMs = clock();
    const found = sessionFacts(state, opened, nowMs);
    return { session: found, user: userFacts(state, found, nowMs) };
  });
  if (opened === null || session.kind !== 'live') return null;
  if (session.deviceId !== deviceIdOf(needs.identify(value))) return null;
  return user.kind === 'known' && user.status === 'active' && !user.blocked ? opened : null;
}
