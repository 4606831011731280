import type { Reach, StackLink } from '@sallyport/stack';
import { FaultProxy } from './fault-proxy.ts';

/** The fault proxies of a stack: one for each link that it was asked to put one on. */
export class Links {
  readonly #proxies = new Map<string, FaultProxy>();
  readonly #wanted: (link: StackLink) => boolean;

  /** `wanted` says which links get a proxy; the others are direct. Default: all. */
  constructor(wanted: (link: StackLink) => boolean = () => true) {
    this.#wanted = wanted;
  }

  /** For `startStack`. */
  readonly reach: Reach = async (link) => {
    if (!this.#wanted(link)) return link.target;
    const proxy = await FaultProxy.start(link.target);
    this.#proxies.set(`${link.from} ${link.to}`, proxy);
    return proxy.address;
  };

  /** The proxy from one process to another. */
  between(from: string, to: string): FaultProxy {
    const proxy = this.#proxies.get(`${from} ${to}`);
    if (proxy === undefined) throw new Error(`there is no proxy from ${from} to ${to}`);
    return proxy;
  }

  /** Those from or to this process. */
  of(name: string): FaultProxy[] {
    return [...this.#proxies].filter(([key]) => key.split(' ').includes(name)).map(([, p]) => p);
  }

  healAll(): void {
    for (const proxy of this.#proxies.values()) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }
}
