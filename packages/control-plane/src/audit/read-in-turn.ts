import { createGate } from '../exports/gate.ts';
import { type Database, type Executor, read } from '../store/database.ts';

/** Of the connections that everybody shares, sign-ins too: so many answer questions at a time. */
const connectionsMax = 3;
const gate = createGate(connectionsMax);

/** Reads what may take as long as a statement may; others who do wait for each other. */
export function readInTurn<T>(database: Database, body: (db: Executor) => Promise<T>): Promise<T> {
  return gate(() => read(database, body));
}
