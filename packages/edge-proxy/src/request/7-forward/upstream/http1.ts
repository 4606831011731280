import type { Client, Dispatcher } from 'undici';
import type { Ask, Connections } from './connections.ts';

/**
 * Makes undici's client for one connection, which it opens when it is needed, and again. `wanted`:
 * whether somebody still waits for the request that it is needed for.
 */
export type OpenClient = (wanted: () => boolean) => Client;

interface Link {
  readonly client: Client;
  /** As by performance.now(). */
  connectedAt: number;
  free: boolean;
  /** Of its latest request. */
  wanted: () => boolean;
}

type Sent = readonly [
  options: Dispatcher.DispatchOptions,
  handler: Dispatcher.DispatchHandler,
  wanted: () => boolean,
];

const always = (): boolean => true;

/**
 * Connections that speak HTTP/1.1: undici's, each with one request at a time. Of those that are free
 * the one that was used last is taken. undici's own pool asks all of them in turn, twice for each
 * request, and the clock for each.
 */
export class Http1Connections implements Connections {
  readonly #open: OpenClient;
  readonly #connectionsMax: number;
  readonly #maxAgeMs: number;
  readonly #links = new Set<Link>();
  readonly #free: Link[] = [];
  /** Too old for another request. */
  readonly #retired = new Set<Link>();
  readonly #waiting: Sent[] = [];
  #noneWaits: (() => void) | null = null;

  constructor(open: OpenClient, connectionsMax: number, maxAgeMs: number) {
    this.#open = open;
    this.#connectionsMax = connectionsMax;
    this.#maxAgeMs = maxAgeMs;
  }

  get free(): number {
    return this.#free.filter(({ client }) => client.stats.connected).length;
  }

  dispatch(
    { method, path, headers, body, reset, upgrade, wanted = always }: Ask,
    handler: Dispatcher.DispatchHandler,
  ): void {
    const options = {
      method,
      // Verbatim: undici parses no path that is given beside its origin (hardening.md M17).
      path,
      headers,
      body,
      // The connector knows the name; this keeps undici from making one of the Host header, and
      // from a new connection where that changes.
      servername: 'upstream',
      reset: reset ? true : null,
      upgrade,
    } as unknown as Dispatcher.DispatchOptions;
    const link = this.#take();
    if (link === null) this.#waiting.push([options, handler, wanted]);
    else this.#send(link, options, handler, wanted);
  }

  closeUnused(): void {
    for (const link of this.#free.splice(0)) {
      if (link.client.stats.connected) this.#retire(link);
      else this.#free.push(link);
    }
  }

  async close(): Promise<void> {
    if (this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#noneWaits = resolve;
      });
    }
    await Promise.all(this.#all().map(({ client }) => client.close()));
  }

  async destroy(): Promise<void> {
    for (const [, handler] of this.#waiting.splice(0)) {
      handler.onResponseError?.(null as never, new Error('the connections were closed'));
    }
    this.#noneWaits?.();
    await Promise.all(this.#all().map(({ client }) => client.destroy()));
  }

  #all(): readonly Link[] {
    return [...this.#links, ...this.#retired];
  }

  #take(): Link | null {
    for (let link = this.#free.pop(); link !== undefined; link = this.#free.pop()) {
      link.free = false;
      if (performance.now() - link.connectedAt <= this.#maxAgeMs) return link;
      this.#retire(link);
    }
    return this.#links.size < this.#connectionsMax ? this.#connect() : null;
  }

  #connect(): Link {
    // Until it has been connected it has no age.
    const link: Link = {
      client: this.#open(() => link.wanted()),
      connectedAt: Number.POSITIVE_INFINITY,
      free: false,
      wanted: always,
    };
    this.#links.add(link);
    link.client.on('connect', () => {
      link.connectedAt = performance.now();
    });
    link.client.on('drain', () => this.#release(link));
    return link;
  }

  #send(link: Link, ...[options, handler, wanted]: Sent): void {
    link.wanted = wanted;
    // Without room it says when there is some again; where it could not even begin, it never does.
    const hasRoom = link.client.dispatch(options, handler);
    if (hasRoom || link.client.stats.size === 0) this.#release(link);
  }

  #release(link: Link): void {
    if (link.free || !this.#links.has(link)) return;
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#send(link, ...next);
      return;
    }
    link.wanted = always;
    link.free = true;
    this.#free.push(link);
    this.#noneWaits?.();
  }

  #retire(link: Link): void {
    this.#links.delete(link);
    this.#retired.add(link);
    const forget = () => this.#retired.delete(link);
    link.client.close().then(forget, forget);
  }
}
