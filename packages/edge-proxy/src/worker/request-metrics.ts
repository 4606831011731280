import type { AccessRecord } from '@sallyport/shared/access-record';
import { Counter, Gauge, Registry } from 'prom-client';
import { lookupResults, type PlaceReader } from '../places/reader.ts';
import type { ShadowResult } from '../request/8-record/shadow.ts';
import type { Received } from '../request/exchange.ts';
import { failures } from '../request/words.ts';
import type { RateLimit } from '../state/current.ts';
import { CodeCounts, PairCounts } from './code-counts.ts';
import { createExchangeMetrics } from './exchange-metrics.ts';
import { createHeaderSizes } from './header-sizes.ts';
import { addHttp2Metrics } from './http2-metrics.ts';
import { connectionRefusals, type HeaderSizes, type RequestWorker } from './request-worker.ts';
import { TallyHistogram } from './tally-histogram.ts';
import { addUpstreamMetrics } from './upstream-metrics.ts';

const microsecond = 1e-6;
const decisionBucketsSeconds = [5, 10, 20, 50, 100, 250, 1_000, 5_000, 25_000].map(
  (us) => us * microsecond,
);

/** The metrics of one worker; the main thread adds those of all workers up. */
export interface RequestMetrics {
  readonly registry: Registry;
  /** Counts one request, however it ended. */
  count(record: AccessRecord): void;
  /** Counts how an exchange went that has just ended: its times, its bytes. */
  observe(value: Received): void;
  countShadow(result: ShadowResult): void;
  countLimited(per: RateLimit['per']): void;
  readonly headerSizes: HeaderSizes;
}

export function createRequestMetrics(
  worker: () => RequestWorker | null,
  places: Pick<PlaceReader, 'results'>,
): RequestMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new PairCounts();
  new Counter({
    name: 'sallyport_edge_requests_total',
    help: 'Requests by outcome, the deciding reason and nothing that a client can choose',
    labelNames: ['outcome', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, reason, count] of requests.entries()) {
        this.inc({ outcome, reason }, count);
      }
    },
  });
  const failed = new CodeCounts();
  new Counter({
    name: 'sallyport_edge_failures_total',
    help: 'Requests that failed at this edge or at an upstream, by code',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of failed.entries()) this.inc({ code }, count);
    },
  });
  const decisions = new TallyHistogram({
    name: 'sallyport_edge_decision_seconds',
    help: 'Time to gather the facts and decide',
    labelNames: [],
    kinds: ['all'],
    buckets: decisionBucketsSeconds,
    scale: 1_000,
    registers,
  }).tally('all');
  const wouldDeny = new Counter({
    name: 'sallyport_edge_would_deny_total',
    help: 'Requests that monitor mode alone let through, by the reason that rules had to deny them',
    labelNames: ['reason'],
    registers,
  });
  const shadows = new Counter({
    name: 'sallyport_edge_shadow_decisions_total',
    help: 'Requests decided besides by the shadow version, by how that compares with the verdict',
    labelNames: ['result'],
    registers,
  });
  const limited = new Counter({
    name: 'sallyport_edge_rate_limited_total',
    help: 'Requests that a rate limit refused, by what it counts by',
    labelNames: ['per'],
    registers,
  });
  new Counter({
    name: 'sallyport_edge_place_lookups_total',
    help: 'Addresses whose place was looked up, by what came of it; not those remembered',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      for (const result of lookupResults) this.inc({ result }, places.results[result]);
    },
  });
  new Counter({
    name: 'sallyport_edge_connections_refused_total',
    help: 'Connections to the public listener that there was no room for, by what was full',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      const refused = worker()?.refusedConnections();
      for (const reason of connectionRefusals) this.inc({ reason }, refused?.[reason] ?? 0);
    },
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
  addHttp2Metrics(registers, () => worker()?.http2() ?? null);
  addUpstreamMetrics(registers, () => worker()?.upstreams() ?? null);
  return {
    registry,
    count: ({ outcome, reasons, facts, wouldDeny: denial, decisionUs, status }) => {
      requests.add(outcome, reasons[0] ?? '');
      const code = status < 500 ? undefined : reasons.find((reason) => reason in failures);
      if (code !== undefined) failed.add(code);
      if (denial !== null) wouldDeny.inc({ reason: denial.reasons[0] ?? '' });
      if (facts !== null) decisions.observe(decisionUs / 1_000);
    },
    observe: createExchangeMetrics(registers),
    countShadow: (result) => shadows.inc({ result }),
    countLimited: (per) => limited.inc({ per }),
    headerSizes: createHeaderSizes(registers),
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
