import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { opensslOption } from '@sallyport/shared/tls/openssl';
import { compiledCode } from './paths.ts';
import { signalTree } from './process-tree.ts';

const readyMsMax = 60_000;
const stopMsMax = 15_000;
const outputBytesMax = 64 * 1024 * 1024;
const lastLines = 30;
const leash = join(import.meta.dirname, 'leash.ts');

export interface ProcessOptions {
  readonly name: string;
  /** TypeScript file, run by this Node.js; or a program when `program` says so. */
  readonly entry: string;
  readonly program?: true;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folder for `<name>.log` (standard error) and `<name>.out` (standard output). */
  readonly logs: string;
}

export interface StackProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
  /** The first line of standard output that is a JSON object. Rejects if it ends before. */
  readonly ready: Promise<Readonly<Record<string, unknown>>>;
  /** Sends a message over the channel and waits for any answer. */
  ask(message: object): Promise<void>;
  /** Leaves what it writes to its standard output in the pipe, or reads it again. */
  holdOutput(hold: boolean): void;
  /** SIGTERM, and SIGKILL if that does not end it. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL to it and to all that came of it; resolves when it is gone. */
  kill(): Promise<void>;
}

/** A child ended that nobody stopped. */
export class ProcessDied extends Error {
  override readonly name = 'ProcessDied';
}

/**
 * Starts a child of the stack. `onDeath` is called if it ends without having been stopped, with an
 * error that says which one and shows what it last said.
 */
export function startProcess(
  options: ProcessOptions,
  onDeath: (error: ProcessDied) => void,
): StackProcess {
  const { name, entry, logs } = options;
  const { program, args } = options.program ? bound(entry) : leashed(entry);
  const child = spawn(program, [...args, ...(options.args ?? [])], {
    stdio: options.program ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { NODE_COMPILE_CACHE: compiledCode, ...inherited(), ...options.env },
    // Ctrl-C in a terminal is for the stack; it ends its children in order.
    detached: true,
  });
  const log = createWriteStream(join(logs, `${name}.log`), { flags: 'a' });
  child.stderr?.pipe(log);
  const pid = child.pid ?? 0;

  let stopping = false;
  const ended = new Promise<void>((done) => {
    child.once('error', () => done());
    child.once('close', () => done());
  });
  const died = ended.then(async () => {
    const how = child.exitCode ?? child.signalCode ?? 'a failed start';
    const said = await lastSaid(join(logs, `${name}.log`));
    return new ProcessDied(`${name} ended with ${how}${said === '' ? '' : `:\n${said}`}`);
  });
  void died.then((error) => {
    if (!stopping) onDeath(error);
  });

  const ready = firstObject(child, join(logs, `${name}.out`), died, name);
  ready.catch(() => {});

  return {
    name,
    pid,
    ended,
    ready,
    ask: async (message) => {
      const answer = new Promise<void>((done) => child.once('message', () => done()));
      child.send(message);
      const error = await Promise.race([answer, died]);
      if (error !== undefined) throw error;
    },
    holdOutput: (hold) => {
      if (hold) child.stdout?.pause();
      else child.stdout?.resume();
    },
    stop: async () => {
      stopping = true;
      if (hasEnded(child)) return;
      // What was halted hears of nothing before it goes on.
      signalTree(pid, 'SIGCONT');
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
      await ended;
      clearTimeout(kill);
    },
    kill: async () => {
      stopping = true;
      if (hasEnded(child)) return;
      signalTree(pid, 'SIGKILL');
      await ended;
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

function leashed(entry: string): Command {
  return { program: process.execPath, args: [opensslOption, '--import', leash, entry] };
}

/** A program that is not ours ends with us by a signal of Linux, where there is one. */
function bound(program: string): Command {
  const setpriv = '/usr/bin/setpriv';
  return existsSync(setpriv)
    ? { program: setpriv, args: ['--pdeathsig', 'TERM', program] }
    : { program, args: [] };
}

/** Nothing of the caller's own configuration reaches a child. */
function inherited(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SALLYPORT_|DATABASE_URL$|NODE_OPTIONS$|NODE_PATH$|PG|VITEST|npm_)/.test(name),
  );
  return Object.fromEntries(kept);
}

function firstObject(
  child: ChildProcess,
  file: string,
  died: Promise<ProcessDied>,
  name: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = child;
  if (stdout === null) throw new Error('no standard output');
  const out = createWriteStream(file, { flags: 'a' });
  let bytes = 0;
  stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    // Read on and thrown away beyond this: a long benchmark must not fill the disk.
    if (bytes <= outputBytesMax) out.write(chunk);
  });
  stdout.on('end', () => out.end());
  return new Promise((done, failed) => {
    const lines = createInterface({ input: stdout });
    const timer = setTimeout(
      () => failed(new Error(`${name} was not ready after ${readyMsMax / 1000} s, see ${file}`)),
      readyMsMax,
    );
    const finish = (): void => {
      clearTimeout(timer);
      lines.close();
      stdout.resume();
    };
    lines.on('line', (line) => {
      if (!line.startsWith('{')) return;
      finish();
      done(JSON.parse(line) as Record<string, unknown>);
    });
    void died.then((error) => {
      finish();
      failed(error);
    });
  });
}

async function lastSaid(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lastLines).join('\n');
}
