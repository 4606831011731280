import { Counter, Gauge, type Registry } from 'prom-client';
import type { UpstreamFigures } from './request-worker.ts';

const busyReasons = ['queue', 'share', 'wait', 'connections', 'refused'] as const;

/** What a worker has at upstreams; null: it has not begun. */
export function addUpstreamMetrics(
  registers: Registry[],
  figures: () => UpstreamFigures | null,
): void {
  new Gauge({
    name: 'sallyport_edge_upstream_pool',
    help: 'Requests at upstreams (active), in line for one (waiting), and connections without one (idle)',
    labelNames: ['state'],
    registers,
    collect() {
      const { active = 0, waiting = 0, idle = 0 } = figures() ?? {};
      this.set({ state: 'active' }, active);
      this.set({ state: 'waiting' }, waiting);
      this.set({ state: 'idle' }, idle);
    },
  });
  new Gauge({
    name: 'sallyport_edge_upstream_targets',
    help: 'Targets of upstreams used lately, by worker and trust level, and whether requests go there',
    labelNames: ['state'],
    registers,
    collect() {
      const { healthy = 0, unhealthy = 0, ejected = 0 } = figures() ?? {};
      this.set({ state: 'healthy' }, healthy);
      this.set({ state: 'unhealthy' }, unhealthy);
      this.set({ state: 'ejected' }, ejected);
    },
  });
  new Counter({
    name: 'sallyport_edge_upstream_retries_total',
    help: 'Requests that failed at an upstream and were tried again, or not for want of budget',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      const { tried = 0, no_budget = 0 } = figures()?.retries ?? {};
      this.inc({ result: 'tried' }, tried);
      this.inc({ result: 'no_budget' }, no_budget);
    },
  });
  new Counter({
    name: 'sallyport_edge_upstream_busy_total',
    help: 'Requests that found no place at an upstream: in line for one (queue), of their own share of it (share), in time (wait), no file descriptor for a connection (connections), or were refused over HTTP/2 (refused)',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      const busy = figures()?.busy;
      for (const reason of busyReasons) this.inc({ reason }, busy?.[reason] ?? 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_upstream_connections',
    help: 'Open connections to upstreams, of all workers; there are file descriptors for as many as for clients',
    // The same in every worker.
    aggregator: 'max',
    registers,
    collect() {
      this.set(figures()?.connections ?? 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_plaintext_routes',
    help: 'Routes whose upstream is reached without TLS',
    // The same in every worker.
    aggregator: 'max',
    registers,
    collect() {
      this.set(figures()?.plaintextRoutes ?? 0);
    },
  });
}
