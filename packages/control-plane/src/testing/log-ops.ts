import { opsFromBytes } from '@sallyport/proto';
import type { Lane, StateOp } from '@sallyport/shared/state/model';
import { asc, eq } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { changeLog } from '../store/schema/index.ts';

/** Everything that a lane's log says so far, one list a revision. */
export async function loggedOps(database: Database, lane: Lane): Promise<StateOp[][]> {
  const rows = await database.db
    .select({ body: changeLog.body })
    .from(changeLog)
    .where(eq(changeLog.lane, lane))
    .orderBy(asc(changeLog.rev));
  return rows.map((row) => opsFromBytes(row.body));
}

/** The newest revision of a lane. */
export async function newestOps(database: Database, lane: Lane): Promise<StateOp[]> {
  return (await loggedOps(database, lane)).at(-1) ?? [];
}
