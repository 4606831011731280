import { SallyportError } from '@sallyport/shared/errors';
import type { SessionStatement } from '@sallyport/shared/session/statement';
import type { Position } from '@sallyport/shared/state/model';
import { readHead } from '../store/change-log.ts';
import { type Database, type Executor, read } from '../store/database.ts';
import { type OwnView, readOwnView } from '../store/own-view.ts';
import { endSession, findSessionView, listSessions } from '../store/sessions.ts';
import { write } from '../store/write.ts';
import type { SignInCaller } from './sign-in-calls.ts';
import { readStatement, type StatementKeys } from './statement-keys.ts';
import type { Turns } from './turns.ts';

/** That are shown, or named, at once. */
const sessionsMax = 50;
/** That end at once where all others are to. */
const othersMax = 1_000;

/**
 * What the person of a session may know of themselves. Fails where the session does not hold, and
 * with `too_many_requests` where it is not their turn: this reads more than anything else that
 * people can ask for, and must not keep them from signing in.
 */
export async function describeSelf(
  database: Database,
  keys: StatementKeys,
  turns: Turns,
  jws: string,
  nowMs: number,
): Promise<OwnView & { readonly sid: string }> {
  const { sid, userId } = await genuine(keys, jws, nowMs);
  return turns(userId, async () => {
    await held(database, sid, userId, nowMs);
    const view = await read(database, (db) => readOwnView(db, userId, sessionsMax, nowMs));
    if (view === null) throw noSession();
    return { sid, ...view };
  });
}

export interface EndedOwn {
  readonly ended: number;
  /** At which all of them are ended. */
  readonly revoke: Position;
}

/**
 * Ends sessions of the person whose session it is: those named, where they are theirs, or all but
 * this one.
 */
export async function endOwnSessions(
  database: Database,
  keys: StatementKeys,
  caller: Pick<SignInCaller, 'edgeId' | 'sourceAddress'>,
  request: { readonly statement: string; readonly sids: readonly string[] },
  nowMs: number,
): Promise<EndedOwn> {
  if (request.sids.length > sessionsMax) {
    throw new SallyportError('invalid_request', `more than ${sessionsMax} sessions at once`);
  }
  const { sid, userId } = await genuine(keys, request.statement, nowMs);
  await held(database, sid, userId, nowMs);
  const sids = await read(database, (db) => meant(db, sid, userId, request.sids, nowMs));
  const headNow = (): Promise<Position> => read(database, (db) => readHead(db, 'revoke'));
  // Nothing is written where nothing ends, however often it is asked for.
  if (sids.length === 0) return { ended: 0, revoke: await headNow() };
  const { edgeId, sourceAddress } = caller;
  const actor = { kind: 'edge', id: edgeId, label: edgeId, requestId: '', sourceAddress } as const;
  const action = { verb: 'end_own', resource: 'session', resourceId: sid };
  const { positions } = await write(
    database,
    actor,
    action,
    async (tx) => {
      tx.describe(sid, { userId, ended: sids.length, sessions: sids.slice(0, sessionsMax) });
      for (const one of sids) {
        const op = await endSession(tx.db, one, tx.nowMs);
        if (op !== null) tx.emit('revoke', op);
      }
    },
    { nowMs },
  );
  return { ended: sids.length, revoke: positions.revoke ?? (await headNow()) };
}

/** Those that are live and the user's, of the named ones or of all but this one; in one order. */
async function meant(
  db: Executor,
  sid: string,
  userId: string,
  named: readonly string[],
  nowMs: number,
): Promise<readonly string[]> {
  if (named.length === 0) {
    const page = { limit: othersMax, after: null };
    const found = await listSessions(db, { user: userId, live: true }, page, nowMs);
    return found
      .map(({ session }) => session.sid)
      .filter((one) => one !== sid)
      .sort();
  }
  const sids: string[] = [];
  for (const one of new Set(named)) {
    const found = await findSessionView(db, one, nowMs);
    if (found?.live === true && found.session.userId === userId) sids.push(one);
  }
  return sids.sort();
}

/** The statement, where its signature and time are right. */
async function genuine(keys: StatementKeys, jws: string, nowMs: number): Promise<SessionStatement> {
  const statement = await readStatement(keys, jws, nowMs);
  if (statement === 'invalid' || statement === 'expired') throw noSession();
  return statement;
}

/** Only a session that holds now speaks for its user. */
async function held(database: Database, sid: string, userId: string, nowMs: number): Promise<void> {
  const found = await read(database, (db) => findSessionView(db, sid, nowMs));
  if (found?.live !== true || found.session.userId !== userId) throw noSession();
}

function noSession(): SallyportError {
  return new SallyportError('invalid_request', 'this is not the statement of a session that holds');
}
