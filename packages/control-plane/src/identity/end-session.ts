import { SallyportError } from '@sallyport/shared/errors';
import type { Position } from '@sallyport/shared/state/model';
import { readHead } from '../store/change-log.ts';
import { type Database, read } from '../store/database.ts';
import { endSession, findSession } from '../store/sessions.ts';
import { write } from '../store/write.ts';
import { readStatement, type StatementKeys } from './statement-keys.ts';

/**
 * Signs out the session of a statement; gives the position of `revoke` at which it is ended. A
 * session that is over anyway is no failure: whoever signs out twice is signed out.
 */
export async function endSessionOf(
  database: Database,
  keys: StatementKeys,
  caller: { readonly edgeId: string; readonly sourceAddress: string },
  jws: string,
  nowMs: number,
): Promise<Position> {
  const statement = await readStatement(keys, jws, nowMs);
  if (statement === 'invalid') throw invalid();
  const headNow = (): Promise<Position> => read(database, (db) => readHead(db, 'revoke'));
  if (statement === 'expired') return headNow();
  const session = await read(database, (db) => findSession(db, statement.sid));
  if (session === null || session.endedAtMs !== null) return headNow();
  const { edgeId, sourceAddress } = caller;
  const actor = { kind: 'edge', id: edgeId, label: edgeId, requestId: '', sourceAddress } as const;
  const action = { verb: 'sign_out', resource: 'session', resourceId: statement.sid };
  const { positions } = await write(
    database,
    actor,
    action,
    async (tx) => {
      const op = await endSession(tx.db, statement.sid, tx.nowMs);
      if (op !== null) tx.emit('revoke', op);
    },
    { nowMs },
  );
  return positions.revoke ?? headNow();
}

function invalid(): SallyportError {
  return new SallyportError('invalid_request', 'this is not a session statement');
}
