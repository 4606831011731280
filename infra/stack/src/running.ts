import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ProcessDied,
  type ProcessOptions,
  type StackProcess,
  startProcess,
} from './processes.ts';

const postgresStopMsMax = 10_000;

type Recipe = Omit<ProcessOptions, 'logs'>;

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
  readonly #recipes = new Map<string, Recipe>();
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
  start(options: Recipe): StackProcess {
    if (this.#stopping !== null) throw new Error('the stack is stopping');
    this.#recipes.set(options.name, options);
    const started = startProcess({ ...options, logs: this.#logs }, (error) => {
      if (this.#stopping === null) this.#fail(error);
    });
    this.processes.set(options.name, started);
    return started;
  }

  /** Changes the environment of later starts of a process, such as to the port that it got. */
  amend(name: string, env: Readonly<Record<string, string>>): void {
    const recipe = this.#recipe(name);
    this.#recipes.set(name, { ...recipe, env: { ...recipe.env, ...env } });
  }

  process(name: string): StackProcess {
    const found = this.processes.get(name);
    if (found === undefined) throw new Error(`the stack has no process ${name}`);
    return found;
  }

  /** Starts a process again that has ended, with its environment of today. */
  async startAgain(name: string): Promise<StackProcess> {
    await this.process(name).ended;
    return this.start(this.#recipe(name));
  }

  #recipe(name: string): Recipe {
    const recipe = this.#recipes.get(name);
    if (recipe === undefined) throw new Error(`the stack never started ${name}`);
    return recipe;
  }

  /** Ends all in order: first who asks, then who answers. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const all = [...this.processes.values()];
    for (const role of ['edge-', 'control-plane-', '']) {
      const some = all.filter(({ name }) => name.startsWith(role));
      await Promise.all(some.map((one) => one.stop()));
    }
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
