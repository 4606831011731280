import { hostAllowed } from '@sallyport/shared/network/lookup';
import type {
  CurrentState,
  LiveBundle,
  RouteConfig,
  UpstreamCredentials,
} from '../../state/current.ts';
import { openPool } from './pool.ts';
import { Upstream } from './upstream.ts';

/** Whom the requests on a connection speak for: they never share one (hardening.md M19). */
export type TrustLevel = 'user' | 'anonymous';

/** Pools that nobody has used for so long are closed. */
const unusedMs = 60_000;

interface Pair {
  readonly serial: number;
  readonly byTrust: Record<TrustLevel, Upstream>;
}

/** All pools of a worker. A route whose upstream stays the same keeps its connections. */
export class Upstreams {
  readonly #state: CurrentState;
  readonly #byRecipe = new Map<string, Upstream>();
  #pairs = new WeakMap<RouteConfig, Pair>();

  constructor(state: CurrentState) {
    this.#state = state;
  }

  /** The connections for a route; null: its address is one that the settings do not open. */
  find(bundle: LiveBundle, route: RouteConfig, trust: TrustLevel, nowMs: number): Upstream | null {
    const credentials = this.#state.upstreamCredentials();
    let pair = this.#pairs.get(route);
    if (pair === undefined || pair.serial !== credentials.serial) {
      if (!hostAllowed(route.upstream.hostname, bundle.settings.internalNetworks)) return null;
      pair = {
        serial: credentials.serial,
        byTrust: {
          user: this.#open(bundle, route, 'user', credentials),
          anonymous: this.#open(bundle, route, 'anonymous', credentials),
        },
      };
      this.#pairs.set(route, pair);
    }
    const upstream = pair.byTrust[trust];
    upstream.usedAtMs = nowMs;
    return upstream;
  }

  /** Closes pools that are not used any more. */
  sweep(nowMs: number): void {
    for (const [recipe, upstream] of this.#byRecipe) {
      if (upstream.active > 0 || nowMs - upstream.usedAtMs < unusedMs) continue;
      this.#byRecipe.delete(recipe);
      // Found again by its route, it would be a closed pool.
      this.#pairs = new WeakMap();
      void upstream.pool.close();
    }
  }

  /** Destroys all connections. */
  async destroy(): Promise<void> {
    const all = [...this.#byRecipe.values()];
    this.#byRecipe.clear();
    this.#pairs = new WeakMap();
    await Promise.all(all.map(({ pool }) => pool.destroy()));
  }

  #open(
    bundle: LiveBundle,
    route: RouteConfig,
    trust: TrustLevel,
    credentials: UpstreamCredentials,
  ): Upstream {
    const { upstream } = route;
    const { internalNetworks } = bundle.settings;
    const recipe = JSON.stringify([
      route.name,
      trust,
      upstream,
      internalNetworks,
      credentials.serial,
    ]);
    const known = this.#byRecipe.get(recipe);
    if (known !== undefined) return known;
    const pool = openPool(upstream, internalNetworks, credentials);
    const opened = new Upstream(recipe, pool);
    this.#byRecipe.set(recipe, opened);
    return opened;
  }
}
