import { isDeepStrictEqual } from 'node:util';
import { hostAllowed } from '@sallyport/shared/network/lookup';
import type {
  LiveBundle,
  RouteConfig,
  TargetConfig,
  UpstreamCredentials,
} from '../../../state/current.ts';
import { Admission } from './admission.ts';
import { openPool } from './pool.ts';
import { Target } from './target.ts';

/** Whom the requests on a connection speak for: they never share one (hardening.md M19). */
export type TrustLevel = 'user' | 'anonymous';

/** Retries at the most, as a share of requests, and how many may be saved up. */
const retryShare = 0.1;
const retriesSavedMax = 10;

/** What the connections of a route are made by, besides the route. */
export interface Surroundings {
  readonly internalNetworks: LiveBundle['settings']['internalNetworks'];
  readonly credentials: UpstreamCredentials;
}

/** The upstream of one route for one trust level. It stays when the configuration changes. */
export class RouteUpstream {
  readonly trust: TrustLevel;
  readonly admission: Admission;
  usedAtMs = 0;
  #route: RouteConfig;
  #serial: number;
  #targets: readonly Target[] = [];
  readonly #retired = new Set<Target>();
  #retries = retriesSavedMax;

  constructor(route: RouteConfig, trust: TrustLevel, surroundings: Surroundings) {
    this.trust = trust;
    this.admission = new Admission(route.upstream.limits);
    this.#route = route;
    this.#serial = surroundings.credentials.serial;
    this.#setTargets(surroundings);
  }

  /** Goes over to the route as it is now. Targets that stay the same keep their connections. */
  use(route: RouteConfig, surroundings: Surroundings): void {
    const { serial } = surroundings.credentials;
    if (route === this.#route && serial === this.#serial) return;
    this.#route = route;
    this.#serial = serial;
    this.admission.limits = route.upstream.limits;
    this.#setTargets(surroundings);
  }

  /** Whether it leads where the route did that a request was permitted for. */
  leadsAs(route: RouteConfig): boolean {
    return route === this.#route || isDeepStrictEqual(route.upstream.way, this.#route.upstream.way);
  }

  /** Whether any of its addresses may be connected to, as far as that can be told without a lookup. */
  get open(): boolean {
    return this.#targets.length > 0;
  }

  /** The target for the next request; null: there is none. `release` must follow. */
  take(): Target | null {
    const [target] = this.#targets;
    if (target === undefined) return null;
    target.inFlight += 1;
    this.#retries = Math.min(retriesSavedMax, this.#retries + retryShare);
    return target;
  }

  /** The request is not at the target any more. */
  release(target: Target): void {
    target.inFlight -= 1;
  }

  /** Takes one of the retries; false: too many requests have failed lately. */
  mayRetry(): boolean {
    if (this.#retries < 1) return false;
    this.#retries -= 1;
    return true;
  }

  get unused(): boolean {
    return this.admission.active === 0 && this.admission.waiting === 0;
  }

  /** No more requests; those under way come to their end. */
  close(): void {
    for (const target of this.#targets) this.#retire(target);
    this.#targets = [];
  }

  /** Whether nothing is left of what was closed. */
  get done(): boolean {
    return this.#targets.length === 0 && this.#retired.size === 0;
  }

  async destroy(): Promise<void> {
    const all = [...this.#targets, ...this.#retired];
    this.#targets = [];
    await Promise.all(all.map(({ pool }) => pool.destroy()));
  }

  #setTargets(surroundings: Surroundings): void {
    const before = new Map(this.#targets.map((target) => [target.recipe, target]));
    const { internalNetworks } = surroundings;
    this.#targets = this.#route.upstream.way.targets
      .filter(({ hostname }) => hostAllowed(hostname, internalNetworks))
      .map((config) => {
        const recipe = this.#recipe(config, surroundings);
        const known = before.get(recipe);
        before.delete(recipe);
        return known ?? new Target(config, recipe, this.#openPool(config, surroundings));
      });
    for (const target of before.values()) this.#retire(target);
  }

  #recipe(config: TargetConfig, { internalNetworks, credentials }: Surroundings): string {
    const { timeouts, limits } = this.#route.upstream;
    const { connections } = limits;
    return JSON.stringify([config, timeouts, connections, internalNetworks, credentials.serial]);
  }

  #openPool(config: TargetConfig, { internalNetworks, credentials }: Surroundings) {
    return openPool(config, this.#route.upstream, internalNetworks, credentials);
  }

  #retire(target: Target): void {
    this.#retired.add(target);
    const forget = () => this.#retired.delete(target);
    target.pool.close().then(forget, forget);
  }
}
