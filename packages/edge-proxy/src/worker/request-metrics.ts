import type { AccessRecord } from '@sallyport/shared/access-record';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RequestWorker } from './request-worker.ts';

const microsecond = 1e-6;
const decisionBucketsSeconds = [5, 10, 20, 50, 100, 250, 1_000, 5_000, 25_000].map(
  (us) => us * microsecond,
);

/** The metrics of one worker; the main thread adds those of all workers up. */
export interface RequestMetrics {
  readonly registry: Registry;
  /** Counts one request, however it ended. */
  count(record: AccessRecord): void;
}

export function createRequestMetrics(worker: () => RequestWorker | null): RequestMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'sallyport_edge_requests_total',
    help: 'Requests by outcome, the deciding reason and nothing that a client can choose',
    labelNames: ['outcome', 'reason'],
    registers,
  });
  const decisions = new Histogram({
    name: 'sallyport_edge_decision_seconds',
    help: 'Time to gather the facts and decide',
    buckets: decisionBucketsSeconds,
    registers,
  });
  gauge(
    'sallyport_edge_open_exchanges',
    'Permitted exchanges that are open',
    registers,
    () => worker()?.openExchanges() ?? 0,
  );
  gauge(
    'sallyport_edge_open_connections',
    'Connections to the public listener',
    registers,
    () => worker()?.openConnections() ?? 0,
  );
  return {
    registry,
    count: ({ outcome, reasons, facts, decisionUs }) => {
      requests.inc({ outcome, reason: reasons[0] ?? '' });
      if (facts !== null) decisions.observe(decisionUs * microsecond);
    },
  };
}

function gauge(name: string, help: string, registers: Registry[], read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}
