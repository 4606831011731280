import type { Log } from '@sallyport/shared/log';
import type { Lookup } from '@sallyport/shared/network/lookup';
import type { CurrentState, LiveBundle, RouteConfig } from '../../../state/current.ts';
import type { ConnectionRoom } from '../../../worker/connection-room.ts';
import type { RequestWorkerOptions, UpstreamFigures } from '../../../worker/request-worker.ts';
import { ConnectionLine } from './connection-line.ts';
import { HealthChecks } from './health-checks.ts';
import { RouteUpstream, type Surroundings, type TrustLevel } from './route-upstream.ts';

/** Connections that nobody has used for so long are closed. */
const unusedMs = 60_000;

type UpstreamNeeds = Pick<RequestWorkerOptions, 'state' | 'log' | 'lookup' | 'connectionRoom'>;

/** All upstreams of a worker, by route and trust level, which share no connection. */
export class Upstreams {
  readonly #state: CurrentState;
  readonly #log: Log;
  readonly #lookup: Lookup;
  readonly #checks: HealthChecks;
  readonly #retries = { tried: 0, no_budget: 0 };
  readonly #busy = { queue: 0, share: 0, wait: 0, connections: 0, refused: 0 };
  readonly #room: ConnectionRoom;
  readonly #line: ConnectionLine;
  readonly #byName: Record<TrustLevel, Map<string, RouteUpstream>> = {
    user: new Map(),
    anonymous: new Map(),
  };
  readonly #closing = new Set<RouteUpstream>();

  constructor({ state, log, lookup, connectionRoom }: UpstreamNeeds) {
    this.#state = state;
    this.#log = log;
    this.#lookup = lookup;
    this.#room = connectionRoom;
    this.#line = new ConnectionLine(connectionRoom, () => {
      for (const upstream of this.#all()) upstream.closeUnused();
    });
    this.#checks = new HealthChecks(state, log, lookup, this.#line);
  }

  /** The upstream of a route; null: all its addresses are some that the settings do not open. */
  find(
    bundle: LiveBundle,
    route: RouteConfig,
    trust: TrustLevel,
    nowMs: number,
  ): RouteUpstream | null {
    const surroundings: Surroundings = {
      internalNetworks: bundle.settings.internalNetworks,
      credentials: this.#state.upstreamCredentials(),
      lookup: this.#lookup,
      line: this.#line,
      checks: this.#checks,
      retries: this.#retries,
      busy: this.#busy,
    };
    const known = this.#byName[trust].get(route.name);
    const upstream = known ?? new RouteUpstream(route, trust, surroundings, this.#log);
    if (known === undefined) this.#byName[trust].set(route.name, upstream);
    // A request that was decided on an older configuration changes nothing for the others.
    else if (bundle === this.#state.bundle()) known.use(route, surroundings);
    upstream.usedAtMs = nowMs;
    return upstream.open ? upstream : null;
  }

  /** Begins the checks that are due, and closes connections that are not used any more. */
  sweep(nowMs: number): void {
    this.#checks.sweep(nowMs).catch((error: unknown) => {
      this.#log.error('upstream.checks_failed', { error });
    });
    this.#line.sweep();
    for (const upstream of this.#closing) if (upstream.done) this.#closing.delete(upstream);
    for (const byName of Object.values(this.#byName)) {
      for (const [name, upstream] of byName) {
        if (!upstream.unused || nowMs - upstream.usedAtMs < unusedMs) continue;
        byName.delete(name);
        upstream.close();
        this.#closing.add(upstream);
      }
    }
  }

  figures(nowMs: number): UpstreamFigures {
    const counts = { active: 0, waiting: 0, idle: 0, healthy: 0, unhealthy: 0, ejected: 0 };
    const routes = [...(this.#state.bundle()?.routes.values() ?? [])];
    const plaintextRoutes = routes.filter(isPlain).length;
    const totals = { retries: { ...this.#retries }, busy: { ...this.#busy } };
    const connections = this.#room.upstreams;
    const figures = { ...counts, ...totals, connections, plaintextRoutes };
    for (const upstream of this.#all()) upstream.count(figures, nowMs);
    figures.waiting += this.#line.waiting;
    return figures;
  }

  /** Destroys all connections. */
  async destroy(): Promise<void> {
    const all = [...this.#closing, ...this.#all()];
    for (const byName of Object.values(this.#byName)) byName.clear();
    await Promise.all([this.#checks, ...all].map((one) => one.destroy()));
  }

  #all(): RouteUpstream[] {
    return Object.values(this.#byName).flatMap((byName) => [...byName.values()]);
  }
}

function isPlain({ upstream }: RouteConfig): boolean {
  return upstream.way.targets.some(({ protocol }) => protocol === 'http:');
}
