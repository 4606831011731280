import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import { postgresOf } from './binaries.ts';
import type { Places } from './prepare.ts';
import type { Account } from './run-as.ts';

const previousEndsTimeoutMs = 20_000;
const stopTimeoutMs = 20_000;

/**
 * Runs the server until standard input ends, which it does when our process dies too, in whatever
 * way; then asks the server for a fast shutdown. A subshell watches, the shell waits.
 */
const keeper = `
exec 3<&0
"$@" 3<&- & server=$!
(read -r _ <&3; kill -INT "$server" 2>/dev/null) & watcher=$!
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"
`;

/** Starts the server in a session of its own: a Ctrl-C meant for us does not reach it. */
export async function launch(
  places: Places,
  account: Account | null,
  settings: readonly string[],
): Promise<ChildProcess> {
  const output = await open(places.log, 'w', 0o600);
  try {
    const server = [postgresOf(places.installation), '-D', places.data];
    const options = settings.flatMap((setting) => ['-c', setting]);
    const child = spawn('/bin/sh', ['-c', keeper, 'sh', ...server, ...options], {
      ...(account ?? {}),
      cwd: places.data,
      detached: true,
      stdio: ['pipe', output.fd, output.fd],
    });
    child.stdin?.on('error', () => undefined);
    return child;
  } finally {
    await output.close();
  }
}

/** Ends the server by the pipe that keeps it, and by force when it does not end in time. */
export async function stop(child: ChildProcess, places: Places, log: Log): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  const force = setTimeout(() => {
    log.warn('postgres.stopped_by_force');
    readPid(places).then(
      (pid) => {
        if (pid !== null) process.kill(pid, 'SIGQUIT');
      },
      () => undefined,
    );
  }, stopTimeoutMs);
  await ended;
  clearTimeout(force);
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The postmaster's process id from its pid file; null: there is no file. */
export async function readPid(places: Places): Promise<number | null> {
  try {
    const text = await readFile(join(places.data, 'postmaster.pid'), 'utf8');
    return Number.parseInt(text, 10);
  } catch {
    return null;
  }
}

/** Waits for the server of a process that died a moment ago; one that stays is somebody else's. */
export async function waitForPrevious(places: Places): Promise<void> {
  const deadlineMs = Date.now() + previousEndsTimeoutMs;
  for (;;) {
    const pid = await readPid(places);
    if (pid === null || !isRunning(pid)) return;
    if (Date.now() > deadlineMs) {
      const detail = `another process uses the database in ${places.data} (pid ${pid})`;
      throw new SallyportError('database_unavailable', detail);
    }
    await delay(50);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
