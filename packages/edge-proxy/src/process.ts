import { flushCompileCache } from 'node:module';
import { systemClock } from '@sallyport/shared/clock';
import { ConfigurationError } from '@sallyport/shared/config';
import { createLog } from '@sallyport/shared/log';
import { TicketsSentError } from '@sallyport/shared/tls/tickets';
import { type EdgeConfig, readEdgeConfig } from './config.ts';
import { Edge, type StopTimes } from './edge.ts';
import { HomeInUseError } from './identity/home-lock.ts';

/**
 * The edge process: configuration, then state, then requests. SIGTERM and SIGINT drain and exit 0;
 * SIGHUP looks for new certificates; whatever cannot go on exits with another code, so that the
 * supervisor starts a new process. An exception that nobody expected is such a case: nothing new is
 * begun after it, and what is in hand is written down.
 */

const exitCodes = { configuration: 2, failure: 1 } as const;
/** Other workers end their exchanges when one of them has died. */
const afterDeath: StopTimes = { noticeMs: 0, drainMs: 5_000, flushMs: 2_000 };
/** Where it is not known what still works, and what that takes at the most. */
const afterFailure: StopTimes = { noticeMs: 0, drainMs: 0, flushMs: 500 };
const afterFailureMs = 3_000;

const config = readConfig();
const log = createLog(config.logLevel, { process: 'edge', region: config.region });
const stopping = new AbortController();
let edge: Edge | null = null;
let exiting = false;
let failed = false;
process.on('uncaughtException', (error) => {
  log.error('process.uncaught_exception', { error });
  if (failed) process.exit(exitCodes.failure);
  failed = true;
  setTimeout(() => process.exit(exitCodes.failure), afterFailureMs);
  void end(exitCodes.failure, afterFailure);
});
await run();

async function end(code: number, times: StopTimes): Promise<void> {
  if (exiting) return;
  exiting = true;
  try {
    if (edge === null) stopping.abort();
    else await edge.stop(times);
  } catch (error) {
    log.error('edge.stop_failed', { error });
  }
  log.info('edge.stopped', { code });
  process.exit(failed ? exitCodes.failure : code);
}

async function run(): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info('process.signal', { signal });
      const { drainNoticeMs: noticeMs, drainMs } = config;
      void end(0, { noticeMs, drainMs, flushMs: 2_000 });
    });
  }
  process.on('SIGHUP', () => edge?.reload());

  try {
    edge = await Edge.start({
      config,
      log,
      output: process.stdout,
      clock: systemClock,
      onFatal: () => void end(exitCodes.failure, afterDeath),
      signal: stopping.signal,
    });
    // Not only at an orderly end.
    flushCompileCache();
  } catch (error) {
    // A bug is where its stack says; this is another process.
    const expected = error instanceof HomeInUseError || error instanceof TicketsSentError;
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
