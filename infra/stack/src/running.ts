import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ProcessDied,
  type ProcessOptions,
  type StackProcess,
  startProcess,
} from './processes.ts';

const postgresStopMsMax = 10_000;

/** What has been started so far, so that whatever happens next, all of it is ended again. */
export class Running {
  readonly dir: string;
  readonly processes = new Map<string, StackProcess>();
  /** Rejects when a process ends that nobody stopped. */
  readonly failed: Promise<never>;
  /** Pid of the PostgreSQL that the control plane runs, once it is known. */
  postgresPid: number | null = null;
  readonly #keep: boolean;
  readonly #logs: string;
  #stopping: Promise<void> | null = null;
  #fail: (error: ProcessDied) => void = () => {};

  constructor(dir: string, logs: string, keep: boolean) {
    this.dir = dir;
    this.#logs = logs;
    this.#keep = keep;
    this.failed = new Promise((_, failed) => {
      this.#fail = failed;
    });
    this.failed.catch(() => {});
  }

  /** Starts a child and sees to its end. */
  start(options: Omit<ProcessOptions, 'logs'>): StackProcess {
    if (this.#stopping !== null) throw new Error('the stack is stopping');
    const started = startProcess({ ...options, logs: this.#logs }, (error) => {
      if (this.#stopping === null) this.#fail(error);
    });
    this.processes.set(options.name, started);
    return started;
  }

  /** Ends all in order: first who asks, then who answers. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const all = [...this.processes.values()];
    const edges = all.filter(({ name }) => name.startsWith('edge-'));
    await Promise.all(edges.map((edge) => edge.stop()));
    await this.processes.get('control-plane')?.stop();
    await Promise.all(all.map((other) => other.stop()));
    await this.#stopPostgres();
    if (!this.#keep) await rm(this.dir, { recursive: true, force: true });
  }

  /** The control plane stops it; this is for when the control plane was killed. */
  async #stopPostgres(): Promise<void> {
    const pid = this.postgresPid;
    if (pid === null) return;
    const giveUpAt = performance.now() + postgresStopMsMax;
    // SIGINT is PostgreSQL's fast shutdown.
    for (let signal: NodeJS.Signals | 0 = 'SIGINT'; kill(pid, signal); signal = 0) {
      if (performance.now() > giveUpAt) {
        kill(pid, 'SIGKILL');
        return;
      }
      await sleep(50);
    }
  }
}

/** Whether there was such a process. */
function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
