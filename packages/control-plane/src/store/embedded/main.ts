import { resolve } from 'node:path';
import { ConfigurationError, configReader } from '@sallyport/shared/config';
import { createLog } from '@sallyport/shared/log';
import { startEmbeddedPostgres } from './server.ts';

/**
 * The embedded PostgreSQL as a process of its own, for several control planes on one machine. One
 * line of JSON on standard output says where it is; SIGTERM and SIGINT stop it in order.
 */

process.umask(0o077);
const log = createLog('info', { process: 'postgres' });
const { directory, port } = readEnvironment();
const stopped = Promise.withResolvers<void>();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopped.resolve());
const server = await startEmbeddedPostgres({ directory, log, ...(port === null ? {} : { port }) });
const url = new URL(server.url);
url.password = '';
const postgres = { url: url.href, pid: server.pid, passwordFile: `${directory}/password` };
process.stdout.write(`${JSON.stringify({ ready: true, postgres, pid: process.pid })}\n`);
await stopped.promise;
await server.stop();
process.exit(0);

function readEnvironment(): { readonly directory: string; readonly port: number | null } {
  try {
    const reader = configReader(process.env);
    const home = reader.text('SALLYPORT_POSTGRES_HOME', { default: './sallyport-postgres' });
    const bounds = { default: null, min: 1, max: 65_535 };
    const port = reader.integer('SALLYPORT_POSTGRES_PORT', bounds);
    reader.done();
    return { directory: resolve(home), port };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(2);
  }
}
