import { flushCompileCache } from 'node:module';
import { systemClock } from '@sallyport/shared/clock';
import { ConfigurationError } from '@sallyport/shared/config';
import { createLog, type Log } from '@sallyport/shared/log';
import { type EdgeConfig, readEdgeConfig } from './config.ts';
import { Edge } from './edge.ts';
import { HomeInUseError } from './identity/home-lock.ts';

/**
 * The edge process: configuration, then state, then requests. SIGTERM and SIGINT drain and exit 0;
 * SIGHUP looks for new certificates; whatever cannot go on exits with another code, so that the
 * supervisor starts a new process.
 */

const exitCodes = { configuration: 2, failure: 1 } as const;
/** What other workers get to end their exchanges when one of them has died. */
const drainAfterDeathMs = 5_000;

const config = readConfig();
const log = createLog(config.logLevel, { process: 'edge', region: config.region });
process.on('uncaughtException', (error) => {
  log.error('process.uncaught_exception', { error });
  process.exit(exitCodes.failure);
});
await run(config, log);

async function run(config: EdgeConfig, log: Log): Promise<void> {
  const stopping = new AbortController();
  let edge: Edge | null = null;
  let exiting = false;

  const end = async (code: number, drainMs: number): Promise<void> => {
    if (exiting) return;
    exiting = true;
    if (edge === null) stopping.abort();
    else
      await edge.stop(drainMs).catch((error: unknown) => log.error('edge.stop_failed', { error }));
    log.info('edge.stopped', { code });
    process.exit(code);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info('process.signal', { signal });
      void end(0, config.drainMs);
    });
  }
  process.on('SIGHUP', () => edge?.reload());

  try {
    edge = await Edge.start({
      config,
      log,
      output: process.stdout,
      clock: systemClock,
      onFatal: () => void end(exitCodes.failure, drainAfterDeathMs),
      signal: stopping.signal,
    });
    // Not only at an orderly end.
    flushCompileCache();
  } catch (error) {
    // A bug is where its stack says; this is another process.
    const expected = error instanceof HomeInUseError;
    log.error('edge.start_failed', expected ? { problem: error.message } : { error });
    process.exit(exitCodes.failure);
  }
}

function readConfig(): EdgeConfig {
  try {
    return readEdgeConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(exitCodes.configuration);
  }
}
