import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Arrivals } from './arrivals.ts';

/** What the machine of the edge is called there. */
export const nearAddress = '10.9.0.1';
const farAddress = '10.9.0.2';
const ip = (...args: readonly string[]) => execFileSync('ip', args);

/**
 * Another machine, as far as the kernel knows: a network namespace at the other end of a link. Only
 * for a process that is in a namespace of its own already (unshare --net).
 */
export class FarMachine {
  readonly #holder: ChildProcess;
  readonly #programs: ChildProcess[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async start(): Promise<FarMachine> {
    ip('link', 'set', 'lo', 'up');
    // It says so once its namespace is there.
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo there; exec sleep infinity'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (holder.stdout === null) throw new Error('the process has no pipe');
    await once(holder.stdout, 'data');
    const far = new FarMachine(holder);
    ip(...['link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far'], 'netns', far.#pid);
    ip('addr', 'add', `${nearAddress}/24`, 'dev', 'near');
    ip('link', 'set', 'near', 'up');
    far.#ip('addr', 'add', `${farAddress}/24`, 'dev', 'far');
    far.#ip('link', 'set', 'far', 'up');
    return far;
  }

  /** Runs a program of ours there; gives what it says, line by line. */
  run(program: string, ...args: readonly string[]): Arrivals<string> {
    const command = [process.execPath, program, ...args];
    const child = spawn('nsenter', ['--target', this.#pid, '--net', ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#programs.push(child);
    const lines = new Arrivals<string>();
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    return lines;
  }

  /** From now on nothing that is sent there arrives here: no byte, no acknowledgement, no reset. */
  dropWhatItSends(): void {
    this.#ip('route', 'add', 'blackhole', `${nearAddress}/32`);
  }

  stop(): void {
    for (const program of this.#programs) program.kill('SIGKILL');
    this.#holder.kill('SIGKILL');
  }

  get #pid(): string {
    return String(this.#holder.pid);
  }

  #ip(...args: readonly string[]): void {
    execFileSync('nsenter', ['--target', this.#pid, '--net', 'ip', ...args]);
  }
}
