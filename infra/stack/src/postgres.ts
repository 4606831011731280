import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entryOf } from './paths.ts';
import type { Running } from './running.ts';

export interface Postgres {
  /** With its password. */
  readonly url: string;
  /** Of the postmaster. */
  readonly pid: number;
}

/** What a process says that runs a PostgreSQL. The URL has no password: standard output is a log. */
export interface PostgresLine {
  readonly url: string;
  readonly pid: number;
  readonly passwordFile: string;
}

const name = 'postgres';

/**
 * Starts PostgreSQL as a process of its own, for stacks in which no control plane may take it along
 * when it ends. It keeps its port when it is started again.
 */
export async function startPostgres(running: Running): Promise<Postgres> {
  const started = running.start({
    name,
    entry: entryOf('postgres'),
    env: { SALLYPORT_POSTGRES_HOME: join(running.dir, name) },
  });
  const postgres = await readPostgresLine((await started.ready)['postgres'] as PostgresLine);
  running.amend(name, { SALLYPORT_POSTGRES_PORT: new URL(postgres.url).port });
  return postgres;
}

export async function readPostgresLine(line: PostgresLine): Promise<Postgres> {
  const url = new URL(line.url);
  url.password = (await readFile(line.passwordFile, 'utf8')).trim();
  return { url: url.href, pid: line.pid };
}
