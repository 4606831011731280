import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import type { Database } from './database.ts';
import { databaseFailure } from './failure.ts';

const folder = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Brings the schema to this version's. Replicas that start together take turns, on a connection of
 * their own that has no statement timeout.
 */
export async function migrateDatabase(database: Database): Promise<void> {
  const client = await database.connect();
  try {
    await client.query('set lock_timeout = 0');
    await client.query(`select pg_advisory_lock(hashtext('sallyport.migrations'))`);
    await migrate(drizzle({ client }), { migrationsFolder: folder });
  } catch (error) {
    throw databaseFailure(error);
  } finally {
    await client.end();
  }
}
