import { sessionFacts, userFacts } from '../5-decide/session-facts.ts';
import type { Located, OpenedSession } from '../exchange.ts';
import { justSignedIn } from '../just-signed-in.ts';
import { deviceIdOf, type OwnNeeds } from './needs.ts';

/** The session of this host, where it holds, and on the very device it was made on; or null. */
export async function liveSession(needs: OwnNeeds, value: Located): Promise<OpenedSession | null> {
  const found = await sessionHere(needs, value);
  return typeof found === 'string' ? null : found;
}

/**
 * The same, or why there is none: `none`, or `in_vain` where the user has just signed in on this
 * device and it does not hold, such as before this edge has heard of a new user.
 */
export async function sessionHere(
  needs: OwnNeeds,
  value: Located,
): Promise<OpenedSession | 'none' | 'in_vain'> {
  const { state, sessions, clock } = needs;
  const { cookies, host } = value.head;
  const sealed = cookies?.session ?? null;
  if (sealed === null || sealed === '') return 'none';
  const opened =
    sessions.known(value.connection, host, sealed) ?? (await sessions.open(host, sealed, clock()));
  if (opened === null) return 'none';
  const { session, user } = state.pass(() => {
    const nowMs = clock();
    const found = sessionFacts(state, opened, nowMs);
    return { session: found, user: userFacts(state, found, nowMs) };
  });
  // A sign-in here is for this device, and may well help.
  if (opened.statement.deviceId !== deviceIdOf(needs.identify(value))) return 'none';
  const holds = user.kind === 'known' && user.status === 'active' && !user.blocked;
  if (session.kind === 'live' && holds) return opened;
  return justSignedIn(opened, session, clock()) ? 'in_vain' : 'none';
}
