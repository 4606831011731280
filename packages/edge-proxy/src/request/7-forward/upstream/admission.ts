import type { UpstreamConfig } from '../../../state/current.ts';

export type Limits = UpstreamConfig['limits'];

/** A request that wants to go to an upstream. */
export interface Waiting {
  /** Its turn has come. `leave` must follow. */
  start(): void;
  /** It has waited as long as it may, and waits no more. */
  expired(): void;
}

/**
 * The requests to one upstream: so many at once, the rest in a line, each for so long. They wait here
 * and not in undici, where one that has been given up would keep its place.
 */
export class Admission {
  limits: Limits;
  readonly #waiting = new Map<Waiting, NodeJS.Timeout>();
  #active = 0;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Starts it, at once or when its turn comes; false: as many as may be are waiting. */
  admit(request: Waiting): boolean {
    if (this.#active < this.limits.connections) {
      this.#active += 1;
      request.start();
      return true;
    }
    if (this.#waiting.size >= this.limits.queue) return false;
    const expire = (): void => {
      if (this.#waiting.delete(request)) request.expired();
    };
    this.#waiting.set(request, setTimeout(expire, this.limits.queueWaitMs).unref());
    return true;
  }

  /** Takes back one that has not been started; false: it has. */
  withdraw(request: Waiting): boolean {
    clearTimeout(this.#waiting.get(request));
    return this.#waiting.delete(request);
  }

  /** One that was started is over: the next takes its place. */
  leave(): void {
    this.#active -= 1;
    // More than one where the limit has risen meanwhile; none where it has fallen.
    for (const [next, timer] of this.#waiting) {
      if (this.#active >= this.limits.connections) return;
      clearTimeout(timer);
      this.#waiting.delete(next);
      this.#active += 1;
      queueMicrotask(() => next.start());
    }
  }
}
