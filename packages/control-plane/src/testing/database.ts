import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@sallyport/shared/log';
import { afterAll } from 'vitest';
import { type Database, openDatabase } from '../store/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../store/embedded/server.ts';
import { migrateDatabase } from '../store/migrate.ts';

/** A log that keeps tests quiet but for what nobody expects. */
export const testLog = createLog('error');

export interface TestDatabase {
  readonly database: Database;
  readonly url: string;
}

interface Cluster {
  readonly server: EmbeddedPostgres;
  readonly directory: string;
  readonly template: string;
}

let cluster: Promise<Cluster> | null = null;
const opened = new Set<Database>();
let made = 0;

// Registered for each test file that imports this one.
afterAll(async () => {
  await Promise.all([...opened].map(closeTestDatabase));
  if (cluster === null) return;
  const { server, directory } = await cluster;
  cluster = null;
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

export interface TestDatabaseOptions {
  /** Another way to the server, such as a relay that can be cut. */
  readonly via?: (url: string) => Promise<string>;
}

/**
 * A migrated database of the caller's own, on a real server that the test file shares. It is closed
 * and gone when the file is done.
 */
export async function testDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  cluster ??= startCluster();
  const { server, template } = await cluster;
  made += 1;
  const name = `test_${made}`;
  await execute(server.url, `create database ${name} template ${template}`);
  const direct = urlOf(server.url, name);
  const url = (await options.via?.(direct)) ?? direct;
  const database = openDatabase(url, testLog);
  opened.add(database);
  return { database, url };
}

/** Before the end of the file, which is late for one of many: the server has 60 connections. */
export async function closeTestDatabase(database: Database): Promise<void> {
  if (opened.delete(database)) await database.close();
}

/** Runs one statement outside all pools, as somebody else would. */
export async function execute(url: string, statement: string): Promise<void> {
  const database = openDatabase(url, testLog);
  try {
    await database.bulk.query(statement);
  } finally {
    await database.close();
  }
}

async function startCluster(): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  const server = await startEmbeddedPostgres({
    directory: join(directory, 'postgres'),
    log: testLog,
    durable: false,
  });
  const template = 'template_migrated';
  await execute(server.url, `create database ${template}`);
  const database = openDatabase(urlOf(server.url, template), testLog);
  await migrateDatabase(database);
  await database.close();
  return { server, directory, template };
}

function urlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
