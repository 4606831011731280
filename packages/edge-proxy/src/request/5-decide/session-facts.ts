import type { SessionFacts, UserFacts } from '@sallyport/policy';
import type { CurrentState } from '../../state/current.ts';
import type { OpenedSession } from '../exchange.ts';

const noSession: SessionFacts = { kind: 'none' };
const revoked: SessionFacts = { kind: 'ended', why: 'revoked' };
const expired: SessionFacts = { kind: 'ended', why: 'expired' };
const noUser: UserFacts = { kind: 'none' };

/**
 * Whether a genuine statement still holds. Its generations must equal the state's; times are
 * compared for nothing but its own expiry. A key that is withdrawn takes its sessions with it.
 */
export function sessionFacts(
  state: CurrentState,
  opened: OpenedSession | null,
  nowMs: number,
): SessionFacts {
  if (opened === null) return noSession;
  const { statement } = opened;
  if (nowMs >= statement.expiresAtMs) return expired;
  if (state.cookieRing()?.keys.has(opened.cookieKeyId) !== true) return revoked;
  const statementKey = state.statementKey(opened.statementKeyId, nowMs);
  if (statementKey === null) return revoked;
  // Asked whether access is withdrawn, only a clear no counts as one: here and below.
  if (state.isSessionEnded(statement.sid) !== false) return revoked;
  const now = state.generations(statement.userId, statement.deviceId);
  const then = statement.generations;
  if (now.global !== then.global || now.user !== then.user) return revoked;
  if (statement.deviceId !== null && now.device !== then.device) return revoked;
  return {
    kind: 'live',
    sid: statement.sid,
    userId: statement.userId,
    deviceId: statement.deviceId,
    authenticatedAtMs: statement.authenticatedAtMs,
    amr: statement.amr,
    // Nothing tells of the end of a key: a permit has to be asked for again when it comes.
    expiresAtMs: Math.min(statement.expiresAtMs, statementKey.notAfterMs),
  };
}

/** Who is signed in, as the directory says now. */
export function userFacts(state: CurrentState, session: SessionFacts, nowMs: number): UserFacts {
  if (session.kind !== 'live') return noUser;
  const user = state.user(session.userId);
  if (user === null) return { kind: 'missing', id: session.userId };
  return {
    kind: 'known',
    id: user.id,
    email: user.email,
    groups: user.groups,
    status: user.status,
    blocked: state.block('user', user.id, nowMs) !== false,
    employment: user.employment,
  };
}
