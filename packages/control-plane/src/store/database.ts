import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import {
  beginFailure,
  databaseFailure,
  isConnectionEnded,
  isConnectionLost,
  unavailable,
} from './failure.ts';
import * as schema from './schema/index.ts';

/** What queries run on: the pool, or one transaction. */
export type Executor = NodePgDatabase<typeof schema>;

/** The last revision that a write made in each lane it touched. */
export type Positions = { readonly [lane in Lane]?: Position };

export interface Database {
  readonly log: Log;
  /** Single statements. Fails with `database_unavailable` within two seconds. */
  readonly db: Executor;
  /** The same on the connections of `urgent`. */
  readonly urgentDb: Executor;
  /** Small and kept for revocations, so that other work cannot hold them up. */
  readonly urgent: pg.Pool;
  readonly ordinary: pg.Pool;
  /** For whole lanes and other long reads: few connections, a minute for each statement. */
  readonly bulk: pg.Pool;
  /** Calls `listener` after each commit of `write` in this process. Returns how to stop it. */
  onCommitted(listener: (positions: Positions) => void): () => void;
  committed(positions: Positions): void;
  /** Opens the connections of `urgent` now, while the server has some. Never fails. */
  reserve(): Promise<void>;
  /** A connection outside the pools, for LISTEN and for session locks. The caller ends it. */
  connect(): Promise<pg.Client>;
  close(): Promise<void>;
}

const statementTimeoutMs = 1_800;
const bulkTimeoutMs = 60_000;
const connectTimeoutMs = 1_000;
const urgentMax = 2;

interface PoolShape {
  readonly max: number;
  readonly timeoutMs: number;
  /** Connections are kept, however long they are idle. */
  readonly kept?: boolean;
}

/**
 * Opens the pools. Connects to nothing yet. All of them connect as one role for now: migrating,
 * writing, reading and appending the audit are not separated by rights in the database.
 */
export function openDatabase(url: string, log: Log): Database {
  const pool = (shape: PoolShape): pg.Pool => {
    const made = new TranslatingPool({
      ...clientConfig(url, shape.timeoutMs),
      max: shape.max,
      ...(shape.kept === true ? { idleTimeoutMillis: 0 } : {}),
    });
    // A connection that breaks while idle is replaced when it is next needed.
    made.on('error', (error) => log.warn('database.connection_lost', { error }));
    // One that breaks in use makes its query fail; without a listener it would end the process.
    made.on('connect', (client) => client.on('error', () => undefined));
    return made;
  };
  const ordinary = pool({ max: 10, timeoutMs: statementTimeoutMs });
  const urgent = pool({ max: urgentMax, timeoutMs: statementTimeoutMs, kept: true });
  const bulk = pool({ max: 2, timeoutMs: bulkTimeoutMs });
  const listeners = new Set<(positions: Positions) => void>();
  return {
    log,
    db: drizzle({ client: ordinary, schema }),
    urgentDb: drizzle({ client: urgent, schema }),
    ordinary,
    urgent,
    bulk,
    onCommitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    committed(positions) {
      for (const listener of listeners) {
        try {
          listener(positions);
        } catch (error) {
          // The write is committed, whatever a listener makes of it.
          log.error('database.listener_failed', { error });
        }
      }
    },
    async reserve() {
      const opened = await Promise.allSettled(
        Array.from({ length: urgentMax }, () => urgent.connect()),
      );
      for (const one of opened) if (one.status === 'fulfilled') one.value.release();
    },
    async connect() {
      const client = new pg.Client(clientConfig(url, 0));
      client.on('error', (error) => log.warn('database.connection_lost', { error }));
      await client.connect().catch((cause: unknown) => {
        throw unavailable(cause);
      });
      return client;
    },
    async close() {
      await Promise.all([ordinary.end(), urgent.end(), bulk.end()]);
    },
  };
}

function clientConfig(url: string, timeoutMs: number): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: 'sallyport-control-plane',
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: timeoutMs,
    // Asked by the client too: a server that is gone cannot keep its own time.
    ...(timeoutMs > 0 ? { query_timeout: timeoutMs + 100 } : {}),
    lock_timeout: 1_000,
    idle_in_transaction_session_timeout: 5_000,
    keepAlive: true,
  };
}

/** Says `database_unavailable` where a connection cannot be had, whatever the driver's reason. */
class TranslatingPool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>;
  override connect(
    callback: (
      error: Error | undefined,
      client: pg.PoolClient | undefined,
      done: (release?: unknown) => void,
    ) => void,
  ): void;
  override connect(
    callback?: (
      error: Error | undefined,
      client: pg.PoolClient | undefined,
      done: (release?: unknown) => void,
    ) => void,
  ): Promise<pg.PoolClient> | undefined {
    if (callback === undefined) {
      return super.connect().catch((cause: unknown) => {
        throw unavailable(cause);
      });
    }
    super.connect((error, client, done) => {
      callback(error === undefined ? undefined : unavailable(error), client, done);
    });
    return undefined;
  }
}

export interface TransactionOptions {
  /** REPEATABLE READ: every statement sees the same snapshot. Default: READ COMMITTED. */
  readonly snapshot?: boolean;
  readonly readOnly?: boolean;
}

/**
 * Runs `body` in one transaction on a connection of `pool`. Whatever fails rolls back and comes out
 * as `databaseFailure` says. A connection that was lost is closed without another word, because the
 * next one would be waited for, too; where it was lost at the commit, nobody knows how that ended.
 */
export async function transaction<T>(
  pool: pg.Pool,
  body: (tx: Executor, client: pg.PoolClient) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const client = await begin(pool, beginStatement(options));
  let usable = false;
  try {
    const result = await body(drizzle({ client, schema }), client);
    await control(client, 'commit');
    usable = true;
    return result;
  } catch (error) {
    const failure = databaseFailure(error);
    if (!isConnectionLost(failure)) {
      usable = await client.query('rollback').then(
        () => true,
        () => false,
      );
    }
    throw failure;
  } finally {
    client.release(!usable);
  }
}

/** So long a dead connection after another is replaced; then the server is what does not answer. */
const beginMsMax = 500;

/**
 * A connection with a transaction begun on it. One that lay idle may have died without a word: then
 * nothing has happened yet, and the next one is tried.
 */
async function begin(pool: pg.Pool, statement: string): Promise<pg.PoolClient> {
  const giveUpAt = performance.now() + beginMsMax;
  for (;;) {
    const client = await pool.connect();
    try {
      await control(client, statement);
      return client;
    } catch (error) {
      client.release(true);
      if (!isConnectionEnded(error) || performance.now() > giveUpAt) throw beginFailure(error);
    }
  }
}

async function control(client: pg.PoolClient, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    throw error instanceof pg.DatabaseError ? error : unavailable(error);
  }
}

function beginStatement(options: TransactionOptions): string {
  const isolation = options.snapshot === true ? 'repeatable read' : 'read committed';
  if (options.readOnly === true) return `begin isolation level ${isolation} read only`;
  // What was acknowledged survives a crash, whatever the server's default is.
  return `begin isolation level ${isolation} read write; set local synchronous_commit = on`;
}

/** Reads many rows as of one instant, heads of lanes included. */
export async function readSnapshot<T>(
  database: Database,
  body: (tx: Executor) => Promise<T>,
): Promise<T> {
  return transaction(database.bulk, body, { snapshot: true, readOnly: true });
}

/** Runs single statements on a pool and translates what fails. */
export async function read<T>(
  database: Database,
  body: (db: Executor) => Promise<T>,
  options: { readonly urgent?: boolean } = {},
): Promise<T> {
  try {
    return await body(options.urgent === true ? database.urgentDb : database.db);
  } catch (error) {
    throw databaseFailure(error);
  }
}
