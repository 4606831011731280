import type { SessionFacts, UserFacts } from '@sallyport/policy';
import type { User } from '@sallyport/shared/state/model';
import type { CurrentState } from '../../state/current.ts';
import type { LiveSession, OpenedSession } from '../exchange.ts';

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
  // Nothing tells of the end of a key: a permit has to be asked for again when it comes.
  const expiresAtMs = Math.min(statement.expiresAtMs, statementKey.notAfterMs);
  if (opened.lastLive?.expiresAtMs === expiresAtMs) return opened.lastLive;
  const live: LiveSession = {
    kind: 'live',
    sid: statement.sid,
    userId: statement.userId,
    deviceId: statement.deviceId,
    authenticatedAtMs: statement.authenticatedAtMs,
    amr: statement.amr,
    expiresAtMs,
  };
  opened.lastLive = live;
  return live;
}

/** Of a row as it was read last: the same row is the same object. */
const knownUsers = new WeakMap<User, UserFacts & { readonly kind: 'known' }>();

/** Who is signed in, as the directory says now. */
export function userFacts(state: CurrentState, session: SessionFacts, nowMs: number): UserFacts {
  if (session.kind !== 'live') return noUser;
  const user = state.user(session.userId);
  if (user === null) return { kind: 'missing', id: session.userId };
  const blocked = state.block('user', user.id, nowMs) !== false;
  const known = knownUsers.get(user);
  if (known?.blocked === blocked) return known;
  const facts = {
    kind: 'known',
    id: user.id,
    email: user.email,
    groups: user.groups,
    status: user.status,
    blocked,
    employment: user.employment,
  } as const;
  knownUsers.set(user, facts);
  return facts;
}
