import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@sallyport/shared/clock';
import { ConfigurationError } from '@sallyport/shared/config';
import { createLog, type Log } from '@sallyport/shared/log';
import { TicketsSentError } from '@sallyport/shared/tls/tickets';
import { type Config, readConfig } from './config.ts';
import { type ControlPlane, postgresFolder, startControlPlane } from './control-plane.ts';
import { isDatabaseTrouble } from './store/failure.ts';

/**
 * The control plane process. One line of JSON on standard output says that it serves; the log goes
 * to standard error. SIGTERM and SIGINT drain and exit 0. What cannot go on exits with another
 * code, so that the supervisor starts a new process.
 */

const exitCodes = { failure: 1, configuration: 2 } as const;
const startStopMsMax = 3_000;
/** A drain that hangs is ended; the database survives that, and edges go to another replica. */
const stopMsMax = 20_000;

const config = readEnvironment();
const log = createLog(config.logLevel, { process: 'control-plane', replica: config.replica });
process.on('uncaughtException', (error) => {
  log.error('process.uncaught_exception', { error });
  process.exit(exitCodes.failure);
});
await run(config, log);

function readEnvironment(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(exitCodes.configuration);
  }
}

async function run(config: Config, log: Log): Promise<void> {
  for (const { field, message } of config.warnings) log.warn('config.unknown', { field, message });
  const stopped = Promise.withResolvers<null>();
  const starting = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info('process.signal', { signal });
      starting.abort();
      stopped.resolve(null);
    });
  }
  const start = startControlPlane(config, systemClock, log, starting.signal).catch(
    (error: unknown) => {
      if (!starting.signal.aborted) return failStart(error, log);
      return null;
    },
  );
  // A start that hangs somewhere is not waited for long: nobody is served yet.
  const first = await Promise.race([start, stopped.promise]);
  const running = first ?? (await Promise.race([start, delay(startStopMsMax, null)]));
  if (running === null) {
    log.info('process.stopped');
    process.exit(0);
  }
  process.stdout.write(`${JSON.stringify(readyLine(config, running))}\n`);
  // Not only at an orderly end.
  flushCompileCache();
  await stopped.promise;
  const force = setTimeout(() => {
    log.error('process.stopped_by_force');
    process.exit(exitCodes.failure);
  }, stopMsMax);
  await running.stop();
  clearTimeout(force);
  log.info('process.stopped');
  process.exit(0);
}

/** A database that is not there is expected trouble: its words say it all, and a stack nothing. */
function failStart(error: unknown, log: Log): never {
  const expected = isDatabaseTrouble(error) || error instanceof TicketsSentError;
  log.error('process.start_failed', expected ? { reason: error.message } : { error });
  return process.exit(exitCodes.failure);
}

/** Standard output is often kept, so the database's URL is without its password. */
function readyLine(config: Config, { admin, grpc, ops, postgres }: ControlPlane) {
  const line = { ready: true, admin, grpc, ops, pid: process.pid };
  if (postgres === null) return line;
  const url = new URL(postgres.url);
  url.password = '';
  const passwordFile = join(postgresFolder(config), 'password');
  return { ...line, postgres: { url: url.href, pid: postgres.pid, passwordFile } };
}
