import type { ServerHttp2Session } from 'node:http2';

/** Looks, two seconds apart. Time alone does not count: this process may have stood still itself. */
export const silenceLimits = {
  /** Without a byte of it, a client is asked whether it is there. */
  ask: 15,
  /** It is not. */
  gone: 30,
} as const;

/** Finds out clients that are gone without having said so, while something is under way for them. */
export class Silence {
  #heardAt = 0;
  #looks = 0;

  /** false: there is nobody. `heardAt`: when bytes came last. */
  look(session: ServerHttp2Session, heardAt: number): boolean {
    if (heardAt !== this.#heardAt) this.#looks = 0;
    this.#heardAt = heardAt;
    this.#looks += 1;
    if (this.#looks === silenceLimits.ask && !session.destroyed) session.ping(ignore);
    return this.#looks < silenceLimits.gone;
  }

  /** Nobody is waited for. */
  end(): void {
    this.#looks = 0;
  }
}

function ignore(): void {
  // That anything comes is enough.
}
