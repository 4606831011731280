import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Database } from '../store/database.ts';

export interface AdminMetrics {
  /** Counts one answered request of the admin API. `route` is a pattern, never a path. */
  observe(method: string, route: string, status: number, tookMs: number): void;
}

/** A registry with what Node tells of itself. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function createAdminMetrics(registry: Registry): AdminMetrics {
  const requests = new Counter({
    name: 'sallyport_admin_requests_total',
    help: 'Answered requests of the admin API',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'sallyport_admin_request_seconds',
    help: 'Time from request to answer',
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 5, 10],
    registers: [registry],
  });
  return {
    observe(method, route, status, tookMs) {
      requests.inc({ method, route, status });
      seconds.observe(tookMs / 1_000);
    },
  };
}

/** Shows how busy the database connections are. */
export function observeDatabase(registry: Registry, database: Database): void {
  new Gauge({
    name: 'sallyport_database_connections',
    help: 'Connections by pool and state',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      for (const name of ['ordinary', 'urgent', 'bulk'] as const) {
        const { totalCount, idleCount, waitingCount } = database[name];
        this.set({ pool: name, state: 'open' }, totalCount);
        this.set({ pool: name, state: 'idle' }, idleCount);
        this.set({ pool: name, state: 'waiting' }, waitingCount);
      }
    },
  });
}
