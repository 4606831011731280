import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import pg from 'pg';
import { findInstallation } from './binaries.ts';
import { freePort } from './free-port.ts';
import { initialise, userName } from './initialise.ts';
import { type Places, prepare } from './prepare.ts';
import { hasEnded, launch, readPid, stop, waitForPrevious } from './process.ts';
import { accountForServer } from './run-as.ts';

export interface EmbeddedPostgres {
  readonly url: string;
  /** Of the postmaster. */
  readonly pid: number;
  /** Ends the server: open transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Made if missing, used again if there. One process at a time. */
  readonly directory: string;
  readonly log: Log;
  /** False: faster, and lost when the machine stops. For tests. Default: true. */
  readonly durable?: boolean;
  /** Default: one that is free. */
  readonly port?: number;
  /** How many there may be at once. Default: 60, which is plenty for one control plane. */
  readonly connections?: number;
  /** Further settings, such as `shared_buffers=1GB`: as an operator sizes a server of their own. */
  readonly settings?: readonly string[];
}

const databaseName = 'sallyport';
const startTimeoutMs = 60_000;

/**
 * Starts a PostgreSQL of our own on 127.0.0.1. It ends with `stop`, and also when
 * this process dies in whatever way.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { directory, log } = options;
  const account = await accountForServer(log);
  const places = await prepare(directory, findInstallation(), account, log);
  await initialise(places, account);
  await waitForPrevious(places);
  const port = options.port ?? (await freePort());
  const child = await launch(places, account, settings(port, options));
  const urlOf = (name: string): string =>
    `postgres://${userName}:${places.password}@127.0.0.1:${port}/${name}`;
  try {
    await waitUntilReady(urlOf('postgres'), child, places);
    const pid = await readPid(places);
    if (pid === null) throw new Error('the server runs and has no pid file');
    return { url: urlOf(databaseName), pid, stop: () => stop(child, places, log) };
  } catch (error) {
    await stop(child, places, log);
    throw error;
  }
}

function settings(
  port: number,
  { durable = true, connections = 60, settings: further = [] }: EmbeddedOptions,
): string[] {
  const always = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    `max_connections=${connections}`,
    'shared_buffers=64MB',
    'timezone=UTC',
    // Statements can hold personal data; what fails is told by the process that asked.
    'log_min_messages=log',
    'log_min_error_statement=panic',
    ...further,
  ];
  return durable ? always : [...always, 'fsync=off', 'full_page_writes=off'];
}

async function waitUntilReady(url: string, child: ChildProcess, places: Places): Promise<void> {
  const deadlineMs = Date.now() + startTimeoutMs;
  let last: unknown = null;
  while (!hasEnded(child) && Date.now() < deadlineMs) {
    try {
      await createDatabase(url);
      return;
    } catch (error) {
      last = error;
      await delay(20);
    }
  }
  const said = await readFile(places.log, 'utf8').catch(() => '');
  const detail = `the embedded PostgreSQL did not start: ${said.slice(-2_000).trim()}`;
  throw new SallyportError('database_unavailable', detail, { cause: last });
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await client.query('select from pg_database where datname = $1', [databaseName]);
    if (found.rowCount === 0) await client.query(`create database ${databaseName}`);
  } finally {
    await client.end();
  }
}
