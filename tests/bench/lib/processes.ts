import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { opensslOption } from '@sallyport/shared/tls/openssl';
import { processTree } from '@sallyport/stack';

/** Pins every thread of a process to cores, as `0` or `0,1`; the process is another's or our own. */
export function pin(pid: number, cores: number | string): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(cores), String(pid)], { stdio: 'ignore' });
}

/**
 * Pins a process and all its descendants to one core, and lets everything else on that core go
 * first: what it does in the background must not hold up the client or the upstream.
 */
export function pinBackground(pid: number, core: number): void {
  for (const one of processTree(pid)) {
    try {
      pin(one, core);
      execFileSync('renice', ['-n', '19', '-p', String(one)], { stdio: 'ignore' });
      // Each session is a group of its own, within which alone that counts (sched(7), autogroup).
      if (existsSync(`/proc/${one}/autogroup`)) writeFileSync(`/proc/${one}/autogroup`, '19');
    } catch (error) {
      // PostgreSQL has processes that end at any time.
      if (existsSync(`/proc/${one}`)) throw error;
    }
  }
}

/**
 * Lets this process, and all that it starts from now on, have so many files and sockets open, or as
 * many as may be; gives how many that are.
 */
export function allowFiles(count: number): number {
  const limit = `--nofile=${count}:${count}`;
  try {
    execFileSync('prlimit', ['--pid', String(process.pid), limit], { stdio: 'ignore' });
  } catch {
    // Beyond the hard limit only some may.
  }
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return Math.min(count, Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? count));
}

export interface Helper {
  readonly pid: number;
  /** The first line of its standard output, where that is a number. */
  readonly port: number;
  /** The last line of its standard output so far. */
  readonly lastLine: () => string;
  stop(): Promise<void>;
}

/**
 * Starts one of our small servers, pinned to a core unless `core` is null; it is there when it
 * prints its first line.
 */
export async function startHelper(
  entry: URL,
  core: number | null,
  environment: Record<string, string>,
): Promise<Helper> {
  const child = spawnPinned(entry, core, environment);
  const lines = createInterface({ input: child.stdout });
  let last = '';
  lines.on('line', (line) => {
    last = line;
  });
  const [first] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${entry.pathname} ended with ${String(code)}`);
    }),
  ])) as [string];
  return {
    pid: child.pid ?? 0,
    port: Number(first),
    lastLine: () => last,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs one of our programs to its end, pinned to a core, and gives the JSON it prints. */
export async function runHelper<T>(
  entry: URL,
  core: number,
  environment: Record<string, string>,
): Promise<T> {
  const child = spawnPinned(entry, core, environment);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${entry.pathname} ended with ${String(code)}`);
  return JSON.parse(text) as T;
}

function spawnPinned(
  entry: URL,
  core: number | null,
  environment: Record<string, string>,
): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  // The handshake of servers that are compared with the edge is as long as the edge's.
  const node = [process.execPath, opensslOption, entry.pathname];
  const [program = '', ...args] = core === null ? node : ['taskset', '-c', String(core), ...node];
  return spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
