import type { Log } from '@sallyport/shared/log';
import { hostAllowed, type Lookup } from '@sallyport/shared/network/lookup';
import type {
  CurrentState,
  HealthConfig,
  LiveBundle,
  RouteConfig,
  TargetConfig,
} from '../../../state/current.ts';
import { hostOf } from '../request-headers.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { Connections } from './connections.ts';
import { afterCheck, type Health, presumed } from './health.ts';
import { checkHealth } from './health-check.ts';
import { openPool } from './pool.ts';

/** Checks of one worker: each takes a connection, and that is taken from what requests may have. */
const atOnceMax = 256;

/** What is known of a target, for whoever chooses among targets. */
export interface Known {
  readonly health: Health;
}

interface Checked extends Known {
  health: Health;
  readonly config: HealthConfig;
  /** null: not begun with, or the settings do not open the address. */
  link: Link | null;
  running: boolean;
  checkedAtMs: number;
}

/** The connections that checks of one target go over, and what these depend on. */
interface Link {
  readonly recipe: string;
  readonly pool: Connections;
  readonly host: string;
  readonly route: string;
  readonly origin: string;
}

/**
 * Asks the targets of routes that want it, each apart from all requests: over connections of its own
 * and on nobody's behalf. This is the one thing an edge sends to an upstream without a permit, and
 * nothing that a client sent is in it.
 */
export class HealthChecks {
  readonly #state: CurrentState;
  readonly #log: Log;
  readonly #lookup: Lookup;
  readonly #line: ConnectionLine;
  readonly #all = new Map<string, Checked>();
  #bundle: LiveBundle | null = null;
  #serial = 0;

  constructor(state: CurrentState, log: Log, lookup: Lookup, line: ConnectionLine) {
    this.#state = state;
    this.#log = log;
    this.#lookup = lookup;
    this.#line = line;
  }

  /** What checks say of a target, now and later; null: it is not checked. */
  of(route: RouteConfig, target: TargetConfig): Known | null {
    const { health: config } = route.upstream;
    if (config === null) return null;
    const key = JSON.stringify([route.name, target, config]);
    const known = this.#all.get(key);
    if (known !== undefined) return known;
    const checked = { health: presumed, config, link: null, running: false, checkedAtMs: 0 };
    this.#all.set(key, checked);
    return checked;
  }

  /** Begins the checks that are due; resolves when they are over. Nobody has to wait for that. */
  async sweep(nowMs: number): Promise<void> {
    this.#follow();
    // A check that waits for a connection of ours would say nothing of its target.
    if (this.#line.full) return;
    const all = [...this.#all.values()];
    const room = atOnceMax - all.filter(({ running }) => running).length;
    // Who has waited longest comes first: where there are too many, all are asked less often.
    const due = all
      .filter((checked) => isDue(checked, nowMs))
      .sort((one, other) => one.checkedAtMs - other.checkedAtMs)
      .slice(0, Math.max(0, room));
    await Promise.all(due.map((checked) => this.#check(checked, nowMs)));
  }

  async destroy(): Promise<void> {
    const all = [...this.#all.values()];
    const pools = all.flatMap(({ link }) => link?.pool ?? []);
    for (const checked of all) checked.link = null;
    this.#all.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  async #check(checked: Checked, nowMs: number): Promise<void> {
    const { link, config } = checked;
    if (link === null) return;
    checked.running = true;
    checked.checkedAtMs = nowMs;
    const passed = await checkHealth(link.pool, link.host, config);
    checked.running = false;
    // It was asked in a way that is no longer wanted.
    if (checked.link !== link) return;
    const { healthy } = checked.health;
    checked.health = afterCheck(checked.health, passed, config);
    if (checked.health.healthy === healthy) return;
    const fields = { route: link.route, target: link.origin };
    if (passed) this.#log.info('upstream.target_healthy', fields);
    else this.#log.warn('upstream.target_unhealthy', fields);
  }

  /** Goes over to the configuration as it is now; of a target that stays, what is known stays. */
  #follow(): void {
    const bundle = this.#state.bundle();
    const { serial } = this.#state.upstreamCredentials();
    if (bundle === null || (bundle === this.#bundle && serial === this.#serial)) return;
    this.#bundle = bundle;
    this.#serial = serial;
    const gone = new Set(this.#all.values());
    for (const route of bundle.routes.values()) {
      for (const target of route.upstream.way.targets) {
        const checked = this.of(route, target) as Checked | null;
        if (checked === null) continue;
        gone.delete(checked);
        checked.link = this.#link(bundle, route, target, checked);
      }
    }
    for (const [key, checked] of this.#all) {
      if (!gone.has(checked)) continue;
      this.#all.delete(key);
      cut(checked.link);
      checked.link = null;
    }
  }

  #link(
    { settings: { internalNetworks } }: LiveBundle,
    route: RouteConfig,
    target: TargetConfig,
    { link, config }: Checked,
  ): Link | null {
    const host = askedHost(route, target);
    const recipe = JSON.stringify([host, internalNetworks, this.#serial]);
    if (link?.recipe === recipe) return link;
    cut(link);
    if (!hostAllowed(target.hostname, internalNetworks)) return null;
    const { upstream } = route;
    const settings = {
      ...upstream,
      timeouts: { ...upstream.timeouts, connectMs: config.timeoutMs },
      limits: { ...upstream.limits, connections: 1 },
    };
    const credentials = this.#state.upstreamCredentials();
    const pool = openPool(target, settings, {
      internalNetworks,
      credentials,
      lookup: this.#lookup,
      line: this.#line,
    });
    return { recipe, pool, host, route: route.name, origin: target.origin };
  }
}

function isDue({ link, running, checkedAtMs, config }: Checked, nowMs: number): boolean {
  if (link === null || running) return false;
  const elapsedMs = nowMs - checkedAtMs;
  // A clock that was set back must not stop the checks.
  return elapsedMs >= config.intervalMs || elapsedMs < 0;
}

/** The name that requests come with, where that is one. */
function askedHost({ hosts: [first], upstream }: RouteConfig, target: TargetConfig): string {
  const named = first !== undefined && !first.startsWith('*.');
  return upstream.way.host === 'preserve' && named ? first : hostOf(target);
}

function cut(link: Link | null): void {
  link?.pool.destroy().catch(() => undefined);
}
