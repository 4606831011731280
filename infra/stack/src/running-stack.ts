import { waitForPort } from './nats.ts';
import { signalTree } from './process-tree.ts';
import type { StackProcess } from './processes.ts';
import type { Running } from './running.ts';
import type { StackDescription } from './stack.ts';

/**
 * A stack that runs. Its processes go by their names: `control-plane-1`…, `edge-1`…, `idp`,
 * `upstream`, `nats`, and `postgres` where it is a process of its own.
 */
export class Stack {
  /** As it started: a process that was started again has another pid. */
  readonly description: StackDescription;
  /** Rejects when a process ends that nobody ended, with its name and last words. */
  readonly failed: Promise<never>;
  readonly #running: Running;

  constructor(running: Running, description: StackDescription) {
    this.#running = running;
    this.description = description;
    this.failed = running.failed;
  }

  /** The processes by name. */
  get processes(): ReadonlyMap<string, StackProcess> {
    return this.#running.processes;
  }

  /** Pid of this process now. */
  pid(name: string): number {
    return this.#running.process(name).pid;
  }

  /** Ends a process and all that came of it at once, as a fault would; resolves when it is gone. */
  kill(name: string): Promise<void> {
    return this.#running.process(name).kill();
  }

  /** Ends a process in order. */
  end(name: string): Promise<void> {
    return this.#running.process(name).stop();
  }

  /** Halts a process with its connections open (SIGSTOP). */
  pause(name: string): void {
    signalTree(this.pid(name), 'SIGSTOP');
  }

  /** Lets a halted process go on. */
  resume(name: string): void {
    signalTree(this.pid(name), 'SIGCONT');
  }

  /** Nobody reads the standard output of a process any more, or somebody does again. */
  holdOutput(name: string, hold: boolean): void {
    this.#running.process(name).holdOutput(hold);
  }

  /** Starts a process again that has ended, with the same ports; resolves when it listens. */
  async restart(name: string): Promise<void> {
    const { ready } = await this.#running.startAgain(name);
    const { nats } = this.description;
    // It says nothing on its standard output.
    if (name === 'nats' && nats !== null) await waitForPort(Number(new URL(nats.url).port));
    else await ready;
  }

  /** Ends everything in order and removes what it kept. Safe to call twice. */
  stop(): Promise<void> {
    return this.#running.stop();
  }
}
