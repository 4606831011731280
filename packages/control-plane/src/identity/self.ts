import { SallyportError } from '@sallyport/shared/errors';
import { type SessionStatement, verifyStatement } from '@sallyport/shared/session/statement';
import type { Position } from '@sallyport/shared/state/model';
import { readHead } from '../store/change-log.ts';
import { type Database, read } from '../store/database.ts';
import { type OwnView, readOwnView } from '../store/own-view.ts';
import { endSession, findSessionView, listSessions } from '../store/sessions.ts';
import { write } from '../store/write.ts';
import type { SignInCaller } from './sign-in-calls.ts';
import type { StatementKeys } from './statement-keys.ts';

const statementCharactersMax = 4_096;
/** Of one person, at once. */
const sessionsMax = 50;

/** What the person of a session may know of themselves. Fails where the session does not hold. */
export async function describeSelf(
  database: Database,
  keys: StatementKeys,
  jws: string,
  nowMs: number,
): Promise<OwnView & { readonly sid: string }> {
  const { sid, userId } = await holder(database, keys, jws, nowMs);
  const view = await read(database, (db) => readOwnView(db, userId, sessionsMax, nowMs));
  if (view === null) throw noSession();
  return { sid, ...view };
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
  const { sid, userId } = await holder(database, keys, request.statement, nowMs);
  const wanted = new Set(request.sids);
  const { edgeId, sourceAddress } = caller;
  const actor = { kind: 'edge', id: edgeId, label: edgeId, requestId: '', sourceAddress } as const;
  const action = { verb: 'end_own', resource: 'session', resourceId: sid };
  const { result, positions } = await write(
    database,
    actor,
    action,
    async (tx) => {
      const page = { limit: sessionsMax, after: null };
      const filter = { user: userId, live: true };
      let ended = 0;
      for (const { session } of await listSessions(tx.db, filter, page, tx.nowMs)) {
        const meant = wanted.size === 0 ? session.sid !== sid : wanted.has(session.sid);
        const op = meant ? await endSession(tx.db, session.sid, tx.nowMs) : null;
        if (op === null) continue;
        tx.emit('revoke', op);
        ended += 1;
      }
      return ended;
    },
    { nowMs },
  );
  const revoke = positions.revoke ?? (await read(database, (db) => readHead(db, 'revoke')));
  return { ended: result, revoke };
}

/** Whose session it is; only one that holds now speaks for its user. */
async function holder(
  database: Database,
  keys: StatementKeys,
  jws: string,
  nowMs: number,
): Promise<SessionStatement> {
  if (jws.length > statementCharactersMax) throw noSession();
  const statement = await verifyStatement(jws, await keys.verifiers(nowMs), nowMs);
  if (statement === 'invalid' || statement === 'expired') throw noSession();
  const found = await read(database, (db) => findSessionView(db, statement.sid, nowMs));
  if (found?.live !== true || found.session.userId !== statement.userId) throw noSession();
  return statement;
}

function noSession(): SallyportError {
  return new SallyportError('invalid_request', 'this is not the statement of a session that holds');
}
