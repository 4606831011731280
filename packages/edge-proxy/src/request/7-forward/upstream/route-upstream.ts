import type { Log } from '@sallyport/shared/log';
import { hostAllowed } from '@sallyport/shared/network/lookup';
import type { RouteConfig, TargetConfig } from '../../../state/current.ts';
import type { BusyCounts, RetryCounts, UpstreamFigures } from '../../../worker/request-worker.ts';
import { leadsTo } from '../../ways.ts';
import { Admission } from './admission.ts';
import { choose } from './choice.ts';
import type { ConnectionLine } from './connection-line.ts';
import { afterRequest, phaseOf, type Result, trying } from './ejection.ts';
import type { HealthChecks } from './health-checks.ts';
import { type Links, openPool } from './pool.ts';
import { afterRequestOf, afterRetry, firstSavings } from './retry.ts';
import { Target } from './target.ts';

/** Whom the requests on a connection speak for: they never share one (hardening.md M19). */
export type TrustLevel = 'user' | 'anonymous';

/** What a route's upstream needs besides the route. */
export interface Surroundings extends Links {
  readonly checks: HealthChecks;
  /** Counts of a worker. */
  readonly retries: RetryCounts;
  readonly busy: BusyCounts;
}

/** While a request waited, a configuration may have come that leads elsewhere. */
export type NoTarget = 'upstream_busy' | 'upstream_no_healthy';

/** A request at a target. */
export interface Attempt {
  readonly target: Target;
  /** Whether it is the one that tries a target which was left out. */
  readonly tried: boolean;
}

/** The upstream of one route for one trust level. It stays when the configuration changes. */
export class RouteUpstream {
  readonly trust: TrustLevel;
  readonly admission: Admission;
  usedAtMs = 0;
  readonly #log: Log;
  #route: RouteConfig;
  #serial: number;
  #targets: readonly Target[] = [];
  readonly #retired = new Set<Target>();
  readonly #counts: RetryCounts;
  readonly #busy: BusyCounts;
  readonly #line: ConnectionLine;
  #savings: number;

  constructor(route: RouteConfig, trust: TrustLevel, surroundings: Surroundings, log: Log) {
    this.trust = trust;
    this.#log = log;
    this.admission = new Admission(route.upstream.limits, surroundings.busy);
    this.#route = route;
    this.#serial = surroundings.credentials.serial;
    this.#counts = surroundings.retries;
    this.#busy = surroundings.busy;
    this.#line = surroundings.line;
    this.#savings = firstSavings(route.upstream.retry.budgetPercent);
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

  /** Whether any of its addresses may be connected to, as far as that can be told without a lookup. */
  get open(): boolean {
    return this.#targets.length > 0;
  }

  /**
   * A target for a request that was permitted on this route, or why there is none. `release` must
   * follow.
   */
  take(route: RouteConfig, nowMs: number): Attempt | NoTarget {
    this.#savings = afterRequestOf(this.#savings, this.#route.upstream.retry.budgetPercent);
    const all = this.#leadingAs(route);
    if (all.length === 0) {
      this.#busy.wait += 1;
      return 'upstream_busy';
    }
    const target = chooseTarget(all, nowMs);
    if (target === undefined) return 'upstream_no_healthy';
    const tried = phaseOf(target.standing, nowMs) === 'half_open';
    if (tried) target.standing = trying(target.standing, nowMs);
    target.inFlight += 1;
    return { target, tried };
  }

  /** What came of a request, or of its beginning. `tried` of an attempt counts once. */
  report({ target, tried }: Attempt, result: Result, nowMs: number): void {
    const at = this.#targets.indexOf(target);
    // The only one is never left out; one that is gone is nobody's concern.
    if (at < 0 || this.#targets.length === 1) return;
    const before = target.standing;
    const standings = this.#targets.map(({ standing }) => standing);
    const { ejection } = this.#route.upstream;
    target.standing = afterRequest(standings, at, { result, tried }, nowMs, ejection);
    this.#tell(target, before.out !== null);
  }

  /** A request that had a place is answered that there was none. */
  turnedAway(reason: 'connections' | 'refused'): void {
    this.#busy[reason] += 1;
  }

  /** The request is not at the target any more. */
  release(target: Target): void {
    target.inFlight -= 1;
    // Its connection may be of use to somebody else.
    this.#line.look();
  }

  /**
   * A target for a request that failed at those `before`: another one that is sound, or `again` the
   * last of these. null: there is none, or too many requests have failed lately. Like `take`.
   */
  takeAgain(
    route: RouteConfig,
    nowMs: number,
    before: readonly Target[],
    again: boolean,
  ): Attempt | null {
    const all = this.#leadingAs(route);
    const sound = all.filter(
      (target) =>
        !before.includes(target) && target.healthy && phaseOf(target.standing, nowMs) === 'in',
    );
    const last = before.at(-1);
    const same = again && last !== undefined && all.includes(last) ? last : undefined;
    const target = choose(sound, Math.random()) ?? same;
    if (target === undefined) return null;
    const left = afterRetry(this.#savings);
    if (left === null) {
      this.#counts.no_budget += 1;
      return null;
    }
    this.#savings = left;
    this.#counts.tried += 1;
    target.inFlight += 1;
    return { target, tried: false };
  }

  /** What it has under way, adding up in `figures`. */
  count(figures: UpstreamFigures, nowMs: number): void {
    figures.active += this.admission.active;
    figures.waiting += this.admission.waiting;
    for (const { pool, standing, healthy } of this.#targets) {
      figures.idle += pool.free;
      if (!healthy) figures.unhealthy += 1;
      else if (phaseOf(standing, nowMs) === 'in') figures.healthy += 1;
      else figures.ejected += 1;
    }
  }

  closeUnused(): void {
    for (const { pool } of this.#targets) pool.closeUnused();
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

  /** A configuration may have come since the request was decided on: it goes where both lead. */
  #leadingAs(route: RouteConfig): readonly Target[] {
    if (route === this.#route) return this.#targets;
    return this.#targets.filter(({ config }) =>
      leadsTo(config, route.upstream.way, this.#route.upstream.way),
    );
  }

  #tell({ config, standing }: Target, wasOut: boolean): void {
    if ((standing.out !== null) === wasOut) return;
    const fields = { route: this.#route.name, trust: this.trust, target: config.origin };
    if (wasOut) this.#log.info('upstream.target_back', fields);
    else this.#log.warn('upstream.target_left_out', fields);
  }

  #setTargets(surroundings: Surroundings): void {
    const before = new Map(this.#targets.map((target) => [target.recipe, target]));
    const { internalNetworks } = surroundings;
    const { way, weights } = this.#route.upstream;
    this.#targets = way.targets.flatMap((config, index) => {
      if (!hostAllowed(config.hostname, internalNetworks)) return [];
      const recipe = this.#recipe(config, surroundings);
      const target =
        before.get(recipe) ??
        new Target(config, recipe, openPool(config, this.#route.upstream, surroundings));
      before.delete(recipe);
      target.weight = weights[index] ?? 1;
      target.known = surroundings.checks.of(this.#route, config);
      return [target];
    });
    for (const target of before.values()) this.#retire(target);
  }

  #recipe(
    config: TargetConfig,
    { internalNetworks, credentials: { serial } }: Surroundings,
  ): string {
    const { timeouts, limits, connectionMaxAgeMs } = this.#route.upstream;
    const { connections, queueWaitMs } = limits;
    return JSON.stringify([
      config,
      timeouts,
      connections,
      queueWaitMs,
      connectionMaxAgeMs,
      internalNetworks,
      serial,
    ]);
  }

  #retire(target: Target): void {
    this.#retired.add(target);
    const forget = () => this.#retired.delete(target);
    target.pool.close().then(forget, forget);
  }
}

/** Among those that checks have nothing against, if possible one that is not left out. */
function chooseTarget(all: readonly Target[], nowMs: number): Target | undefined {
  const healthy = all.filter((target) => target.healthy);
  if (healthy.length < 2) return healthy[0];
  const inside = healthy.filter(({ standing }) => phaseOf(standing, nowMs) !== 'out');
  // Where all are out, because others have gone, they are better than none.
  return choose(inside.length > 0 ? inside : healthy, Math.random());
}
