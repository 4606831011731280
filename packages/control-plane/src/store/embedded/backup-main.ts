import { resolve } from 'node:path';
import { ConfigurationError, configReader } from '@sallyport/shared/config';
import { backUpCluster } from './backup.ts';

/** Copies the database of a home into a new folder, the only argument. For infra/backup. */

process.umask(0o077);
const [target] = process.argv.slice(2);
if (target === undefined) {
  process.stderr.write('usage: backup-main.ts TARGET\n');
  process.exit(2);
}
try {
  const reader = configReader(process.env);
  const home = reader.directory('SALLYPORT_HOME', { default: './sallyport' });
  reader.done();
  await backUpCluster(resolve(home, 'postgres'), resolve(target));
} catch (error) {
  const known = error instanceof ConfigurationError || error instanceof Error;
  process.stderr.write(`${known ? error.message : 'the copy failed'}\n`);
  process.exit(1);
}
