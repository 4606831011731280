import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { processTree } from '@sallyport/stack';
import { until } from '../until.ts';

/** Servers are often outside of the path of people. */
const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/bin'];
const stopMsMax = 5_000;
const triesMax = 5;
const logBytesMax = 65_536;

/** Where a program of another project is; null: not on this machine. */
export function findProgram(name: string): string | null {
  const places = folders.filter((folder) => folder !== '').map((folder) => resolve(folder, name));
  return places.find((place) => existsSync(place)) ?? null;
}

export interface ProgramOptions {
  /** Name of the program. */
  readonly program: string;
  /** Writes what it needs into a folder of its own; gives its arguments. */
  readonly prepare: (dir: string, port: number) => Promise<readonly string[]>;
  /** It may use only this one. Default: all. */
  readonly core?: number;
}

/** A server of another project, on a port of loopback that was free. */
export interface Peer {
  readonly port: number;
  /** Of it and all that came of it. */
  pids(): readonly number[];
  /** The last that it said on its standard outputs. */
  log(): string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a server; resolves when it takes connections. It ends with this process, however that ends. */
export async function startProgram(options: ProgramOptions): Promise<Peer> {
  const program = findProgram(options.program);
  if (program === null) throw new Error(`${options.program} is not on this machine`);
  for (let tried = 1; ; tried += 1) {
    const started = await start(program, options);
    if (typeof started !== 'string') return started;
    // Somebody else may have taken the port meanwhile.
    if (tried === triesMax) throw new Error(`${options.program} does not start:\n${started}`);
  }
}

/** What it said where it ended at once. */
async function start(program: string, { prepare, core }: ProgramOptions): Promise<Peer | string> {
  const dir = await mkdtemp(`${tmpdir()}/sallyport-peer-`);
  const port = await freePort();
  const command = [
    ...(core === undefined ? [] : ['taskset', '-c', String(core)]),
    'setpriv',
    '--pdeathsig',
    'TERM',
    program,
    ...(await prepare(dir, port)),
  ];
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    // What a program keeps for its user it keeps there too.
    env: { ...process.env, HOME: dir, XDG_CONFIG_HOME: dir, XDG_DATA_HOME: dir },
  });
  const pid = child.pid ?? 0;
  let log = '';
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString('utf8')).slice(-logBytesMax);
    });
  }
  const gone = new Promise<void>((done) => {
    child.once('error', (error) => {
      log += error.message;
      done();
    });
    child.once('close', () => done());
  });
  const stop = async (): Promise<void> => {
    await end(child, gone);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await until(
      `${program} listens`,
      async () => hasEnded(child) || (await takesConnections(port)),
    );
  } catch (error) {
    await stop();
    throw new Error(`${program} does not listen:\n${log}`, { cause: error });
  }
  if (hasEnded(child)) {
    await stop();
    return log;
  }
  return { port, pids: () => processTree(pid), log: () => log, stop };
}

async function end(child: ChildProcess, gone: Promise<void>): Promise<void> {
  const all = processTree(child.pid ?? 0);
  child.kill('SIGTERM');
  const kill = setTimeout(() => {
    for (const one of all) {
      if (existsSync(`/proc/${one}`)) process.kill(one, 'SIGKILL');
    }
  }, stopMsMax);
  await gone;
  clearTimeout(kill);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** One that nobody listened on a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((done) => server.close(() => done()));
  return port;
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
