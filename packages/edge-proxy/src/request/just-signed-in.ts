import type { SessionFacts } from '@sallyport/policy';
import type { OpenedSession } from './exchange.ts';

/** After a sign-in that changed nothing, another redirect would go round for ever. */
const freshMs = 20_000;

/** Whether the user of a session has signed in so recently that another time would not help. */
export function justSignedIn(
  opened: OpenedSession | null | undefined,
  session: SessionFacts | undefined,
  nowMs: number,
): boolean {
  // A session that was revoked a moment ago is no session: its user may sign in again at once.
  if (session?.kind === 'ended' && session.why === 'revoked') return false;
  const authenticatedAtMs = opened?.statement.authenticatedAtMs;
  return authenticatedAtMs !== undefined && nowMs - authenticatedAtMs < freshMs;
}
