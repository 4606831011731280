import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { HealthConfig } from '../../../state/current.ts';
import type { Connections } from './connections.ts';

const bodyBytesMax = 65_536;

/** Asks a target whether it is well; resolves with whether it is, and never rejects. */
export function checkHealth(
  pool: Connections,
  host: string,
  config: HealthConfig,
): Promise<boolean> {
  return new Promise((resolve) => {
    const check = new HealthCheck(config, resolve);
    pool.dispatch(
      {
        method: 'GET',
        path: config.path,
        // All of it: nothing of any client, no cookie and no assertion.
        headers: ['host', host, 'user-agent', 'Sallyport-Health-Check', 'accept', '*/*'],
        body: null,
        // A connection of its own each time: that there can be one is part of being well.
        reset: true,
        call: false,
        upgrade: null,
      },
      check,
    );
  });
}

class HealthCheck implements Dispatcher.DispatchHandler {
  readonly #config: HealthConfig;
  readonly #resolve: (passed: boolean) => void;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #over: Error | null = null;
  #passes = false;
  #bytes = 0;

  constructor(config: HealthConfig, resolve: (passed: boolean) => void) {
    this.#config = config;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.#stop(false, 'took too long'), config.timeoutMs).unref();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over !== null) throw this.#over;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    const { statuses } = this.#config;
    this.#passes = statuses === null ? status < 400 : statuses.includes(status);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    // What it says is of no interest, and so is the rest of it.
    if (this.#bytes > bodyBytesMax) this.#stop(this.#passes, 'says enough');
  }

  onResponseEnd(): void {
    this.#settle(this.#passes);
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    _status: number,
    _headers: unknown,
    socket: Duplex,
  ): void {
    socket.on('error', () => undefined).destroy();
    this.#settle(false);
  }

  onResponseError(): void {
    this.#settle(false);
  }

  #stop(passed: boolean, why: string): void {
    this.#over = new Error(`the health check ${why}`);
    this.#settle(passed);
    this.#controller?.abort(this.#over);
  }

  #settle(passed: boolean): void {
    clearTimeout(this.#timer);
    this.#resolve(passed);
  }
}
