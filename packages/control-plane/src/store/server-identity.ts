import { SallyportError } from '@sallyport/shared/errors';
import { eq, sql } from 'drizzle-orm';
import type pg from 'pg';
import type { Database } from './database.ts';
import { raiseEpochIn } from './epoch.ts';
import { databaseIdentity } from './schema/index.ts';
import { type Actor, type WriteTx, write } from './write.ts';

/**
 * Which server the history is on. A PostgreSQL cluster has an identifier for good, and a timeline
 * that changes whenever one of its copies is promoted or recovered. Where either is another than
 * the one that is kept beside the history, its end may be lost, and it goes on in a new epoch.
 */

interface Server {
  readonly systemIdentifier: string;
  readonly timeline: number;
}

interface ServerRow {
  readonly in_recovery: boolean;
  readonly system_identifier: string;
  /** null: in recovery. */
  readonly timeline: number | null;
  readonly known_system: string | null;
  readonly known_timeline: string | null;
}

// The timeline that is written to, not that of the last checkpoint, which follows a promotion late.
const question = `
  select pg_is_in_recovery() as in_recovery,
    (select system_identifier::text from pg_control_system()) as system_identifier,
    case when not pg_is_in_recovery() then
      ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end as timeline,
    known.system_identifier as known_system, known.timeline as known_timeline
  from (select 1 as id) one left join database_identity known on known.id = one.id`;

const queryTimeoutMs = 2_000;

const actor: Actor = {
  kind: 'system',
  id: 'server-identity',
  label: 'identity of the database server',
  requestId: '',
  sourceAddress: '',
};

/**
 * Looks at the server behind a new connection, and raises the epoch where it is another one; of
 * several replicas and connections that see it, one does. Fails with `database_read_only` for a
 * standby, whose log may be behind what was acknowledged.
 */
export async function checkServer(database: Database, client: pg.Client): Promise<void> {
  const { rows } = await client.query<ServerRow>({
    text: question,
    query_timeout: queryTimeoutMs,
  } as { text: string });
  const [row] = rows;
  if (row === undefined || row.in_recovery || row.timeline === null) {
    throw new SallyportError('database_read_only', 'the database server is a standby');
  }
  // After a restart of the server the connections for revocations are the first that are back.
  await database.reserve();
  const { system_identifier: systemIdentifier, timeline } = row;
  const known = row.known_system === systemIdentifier && Number(row.known_timeline) === timeline;
  if (known) return;
  const action = { verb: 'recognise', resource: 'database-server', resourceId: systemIdentifier };
  const { result: raised } = await write(
    database,
    actor,
    action,
    (tx) => adopt(tx, { systemIdentifier, timeline }),
    { urgent: true },
  );
  if (raised !== null) database.log.warn('epoch.raised', { ...raised });
}

/**
 * Keeps the server that the caller writes on as that of the history; whoever does so raises the
 * epoch as well.
 */
export async function takeOverServer(tx: WriteTx): Promise<void> {
  const { rows } = await tx.db.execute<ServerRow & Record<string, unknown>>(sql.raw(question));
  const [row] = rows;
  if (row === undefined || row.timeline === null) throw new Error('what writes is no standby');
  await keep(tx, { systemIdentifier: row.system_identifier, timeline: row.timeline });
}

async function keep(tx: WriteTx, server: Server): Promise<void> {
  const row = { id: 1, ...server, seenAtMs: tx.nowMs };
  await tx.db
    .insert(databaseIdentity)
    .values(row)
    .onConflictDoUpdate({ target: databaseIdentity.id, set: row });
}

interface Raised {
  readonly epoch: number;
  readonly reason: string;
}

async function adopt(tx: WriteTx, server: Server): Promise<Raised | null> {
  const row = { id: 1, ...server, seenAtMs: tx.nowMs };
  const inserted = await tx.db
    .insert(databaseIdentity)
    .values(row)
    .onConflictDoNothing()
    .returning({ id: databaseIdentity.id });
  tx.describe(server.systemIdentifier, { timeline: server.timeline });
  // The first server of an installation, or another replica was faster.
  if (inserted.length > 0) return null;
  const [known] = await tx.db
    .select()
    .from(databaseIdentity)
    .where(eq(databaseIdentity.id, 1))
    .for('update');
  if (known === undefined) throw new Error('the identity of the server is gone');
  const { systemIdentifier, timeline } = known;
  if (systemIdentifier === server.systemIdentifier && timeline === server.timeline) return null;
  await keep(tx, server);
  const reason =
    systemIdentifier === server.systemIdentifier
      ? `the database server went from timeline ${timeline} to ${server.timeline}`
      : `the database server is ${server.systemIdentifier} and was ${systemIdentifier}`;
  const { epoch } = await raiseEpochIn(tx, { reason });
  tx.describe(server.systemIdentifier, { timeline: server.timeline, reason, epoch });
  return { epoch, reason };
}
