import type { UpstreamConfig } from '../../../state/current.ts';
import type { BusyCounts } from '../../../worker/request-worker.ts';

export type Limits = UpstreamConfig['limits'];

/** A request that wants to go to an upstream. */
export interface Waiting {
  /** Whose it is: of those who ask, each has a share. */
  readonly principal: string;
  /** Its turn has come. `leave` must follow. */
  start(): void;
  /** It has waited as long as it may, and waits no more. */
  expired(): void;
}

/** One who has requests here. */
interface Principal {
  active: number;
  /** In line, the longest first. */
  waiting: Map<Waiting, NodeJS.Timeout> | null;
}

/**
 * The requests to one upstream: so many at once, the rest in a line, each for so long. They wait here
 * and not in undici, where one that has been given up would keep its place.
 *
 * Nobody gets a place who has as many as are free, and the same holds for the line: what one can get
 * leaves some for the next, however many there are before. Places that are freed go to those in line
 * by turns, to each for the request that has waited longest.
 */
export class Admission {
  limits: Limits;
  readonly #busy: BusyCounts;
  readonly #principals = new Map<string, Principal>();
  /** Those of them who wait; whose turn is next comes first. */
  readonly #line = new Map<string, Principal>();
  #active = 0;
  #waiting = 0;

  constructor(limits: Limits, busy: BusyCounts) {
    this.limits = limits;
    this.#busy = busy;
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Starts it, at once or when its turn comes; false: as many as may be are waiting. */
  admit(request: Waiting): boolean {
    const principal = this.#principals.get(request.principal) ?? this.#enter(request.principal);
    if (principal.active < this.#free) {
      this.#take(principal);
      request.start();
      return true;
    }
    const room = this.limits.queue - this.#waiting;
    if ((principal.waiting?.size ?? 0) >= room) {
      this.#busy[room > 0 ? 'share' : 'queue'] += 1;
      this.#forget(request.principal, principal);
      return false;
    }
    const expire = (): void => {
      if (!this.#remove(request)) return;
      this.#busy.wait += 1;
      request.expired();
    };
    principal.waiting ??= new Map();
    principal.waiting.set(request, setTimeout(expire, this.limits.queueWaitMs).unref());
    this.#line.set(request.principal, principal);
    this.#waiting += 1;
    return true;
  }

  /** Takes back one that has not been started; false: it has. */
  withdraw(request: Waiting): boolean {
    return this.#remove(request);
  }

  /** One that was started is over: the next takes its place. */
  leave({ principal: name }: Waiting): void {
    const left = this.#principals.get(name);
    if (left === undefined) throw new Error('a place was given back twice');
    left.active -= 1;
    this.#active -= 1;
    // More than one where the limit has risen meanwhile; none where it has fallen.
    for (let next = this.#next(); next !== null; next = this.#next()) this.#startNext(...next);
    this.#forget(name, left);
  }

  get #free(): number {
    return this.limits.connections - this.#active;
  }

  #next(): [string, Principal] | null {
    if (this.#free <= 0) return null;
    for (const entry of this.#line) if (entry[1].active < this.#free) return entry;
    return null;
  }

  #startNext(name: string, principal: Principal): void {
    const [request] = principal.waiting?.keys() ?? [];
    if (request === undefined) throw new Error('nobody waits who stands in line');
    this.#take(principal);
    this.#remove(request);
    // The others have their turn before this one has another.
    if (this.#line.delete(name)) this.#line.set(name, principal);
    queueMicrotask(() => request.start());
  }

  #take(principal: Principal): void {
    principal.active += 1;
    this.#active += 1;
  }

  #remove(request: Waiting): boolean {
    const { principal: name } = request;
    const principal = this.#principals.get(name);
    const waiting = principal?.waiting ?? null;
    if (principal === undefined || waiting === null) return false;
    const timer = waiting.get(request);
    if (!waiting.delete(request)) return false;
    clearTimeout(timer);
    this.#waiting -= 1;
    if (waiting.size === 0) this.#line.delete(name);
    this.#forget(name, principal);
    return true;
  }

  #enter(name: string): Principal {
    const principal = { active: 0, waiting: null };
    this.#principals.set(name, principal);
    return principal;
  }

  #forget(name: string, { active, waiting }: Principal): void {
    if (active === 0 && (waiting === null || waiting.size === 0)) this.#principals.delete(name);
  }
}
