import { randomUUID } from 'node:crypto';
import { createLog } from '@sallyport/shared/log';
import { afterAll, inject } from 'vitest';
import { type Database, openDatabase } from '../store/database.ts';
import { templateName } from './shared-server.ts';

/** A log that keeps tests quiet but for what nobody expects. */
export const testLog = createLog('error');

export interface TestDatabase {
  readonly database: Database;
  readonly url: string;
}

const opened = new Set<Database>();
const names: string[] = [];

// Registered for each test file that imports this one.
afterAll(async () => {
  await Promise.all([...opened].map(closeTestDatabase));
  await executeAll(
    inject('databaseServer'),
    names.splice(0).map((name) => `drop database ${name} with (force)`),
  );
});

export interface TestDatabaseOptions {
  /** Another way to the server, such as a relay that can be cut. */
  readonly via?: (url: string) => Promise<string>;
}

/**
 * A migrated database of the caller's own, on the real server that all files share. It is closed and
 * gone when the file is done.
 */
export async function testDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = inject('databaseServer');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  names.push(name);
  // By way of the log, which is the default, a copy takes ten times as long.
  await execute(server, `create database ${name} template ${templateName} strategy file_copy`);
  const direct = urlOf(server, name);
  const url = (await options.via?.(direct)) ?? direct;
  const database = openDatabase(url, testLog);
  opened.add(database);
  return { database, url };
}

/** Before the end of the file, which is late for one of many: each has connections of its own. */
export async function closeTestDatabase(database: Database): Promise<void> {
  if (opened.delete(database)) await database.close();
}

/** Runs one statement outside all pools, as somebody else would. */
export function execute(url: string, statement: string): Promise<void> {
  return executeAll(url, [statement]);
}

async function executeAll(url: string, statements: readonly string[]): Promise<void> {
  const database = openDatabase(url, testLog);
  try {
    for (const statement of statements) await database.bulk.query(statement);
  } finally {
    await database.close();
  }
}

function urlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
