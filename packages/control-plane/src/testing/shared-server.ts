import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@sallyport/shared/log';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../store/database.ts';
import { startEmbeddedPostgres } from '../store/embedded/server.ts';
import { migrateDatabase } from '../store/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Its URL, with the rights to make databases. */
    readonly databaseServer: string;
  }
}

/** What each database of a test is copied from: migrated, and nobody is connected to it. */
export const templateName = 'template_migrated';

/**
 * Starts one real server for the databases of all test files. A file that breaks its server starts
 * its own.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  const log = createLog('error');
  const server = await startEmbeddedPostgres({
    directory: join(directory, 'postgres'),
    log,
    durable: false,
    // Some files have several control planes, and files run side by side.
    connections: 300,
  });
  const database = openDatabase(server.url, log);
  await database.bulk.query(`create database ${templateName}`);
  await database.close();
  const url = new URL(server.url);
  url.pathname = `/${templateName}`;
  const template = openDatabase(url.href, log);
  await migrateDatabase(template);
  await template.close();
  project.provide('databaseServer', server.url);
  return async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
