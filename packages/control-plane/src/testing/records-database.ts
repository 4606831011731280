/**
 * A migrated PostgreSQL server for measurements of access records, sized as an operator sizes one,
 * in DIRECTORY. A process of its own: prints one JSON line when it is ready, ends with SIGTERM.
 */
import { createLog } from '@sallyport/shared/log';
import { openDatabase } from '../store/database.ts';
import { startEmbeddedPostgres } from '../store/embedded/server.ts';
import { migrateDatabase } from '../store/migrate.ts';

const log = createLog('error');
const server = await startEmbeddedPostgres({
  directory: process.env['DIRECTORY'] ?? '',
  log,
  // The last two: what fills a table of its own need not write all of it twice.
  settings: ['shared_buffers=1GB', 'max_wal_size=8GB', 'wal_level=minimal', 'max_wal_senders=0'],
});
const database = openDatabase(server.url, log);
await migrateDatabase(database);
await database.close();
process.stdout.write(`${JSON.stringify({ url: server.url, pid: server.pid })}\n`);
process.once('SIGTERM', () => {
  void server.stop().then(() => process.exit(0));
});
