import { Counter, type Registry } from 'prom-client';
import type { Received } from '../request/exchange.ts';
import { CodeCounts } from './code-counts.ts';
import { TallyHistogram } from './tally-histogram.ts';

const stages = ['gate', 'session', 'decide', 'assert', 'upstream', 'total'] as const;

/** One list for all: from what memory takes to what a slow upstream takes. */
const bucketsSeconds = [
  0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
  0.05, 0.1, 0.25, 1, 5, 30,
];

/** Protocols of exchanges, as clients spoke them; none of them can be anything that a client chooses. */
type Protocol = 'h1' | 'h2' | 'websocket' | 'websocket_h2' | 'sse' | 'grpc';

/** Counts exchanges as they end: by protocol, their bytes, and the time that each stage took. */
export function createExchangeMetrics(registers: Registry[]): (value: Received) => void {
  const histogram = new TallyHistogram({
    name: 'sallyport_edge_stage_seconds',
    help: 'Time that exchanges spent in each stage; session with all that comes before it',
    labelNames: ['stage'],
    kinds: stages,
    buckets: bucketsSeconds,
    scale: 1_000,
    registers,
  });
  const [gate, session, decide, assert, upstream, total] = [
    histogram.tally('gate'),
    histogram.tally('session'),
    histogram.tally('decide'),
    histogram.tally('assert'),
    histogram.tally('upstream'),
    histogram.tally('total'),
  ];
  const protocols = new CodeCounts();
  new Counter({
    name: 'sallyport_edge_exchanges_total',
    help: 'Exchanges that have ended, by the protocol that the client spoke',
    labelNames: ['protocol'],
    registers,
    collect() {
      this.reset();
      for (const [protocol, count] of protocols.entries()) this.inc({ protocol }, count);
    },
  });
  const bytes = { in: 0, out: 0 };
  new Counter({
    name: 'sallyport_edge_bytes_total',
    help: 'Bytes of bodies and tunnels, from clients and to them, counted when an exchange has ended',
    labelNames: ['direction'],
    registers,
    collect() {
      this.reset();
      this.inc({ direction: 'in' }, bytes.in);
      this.inc({ direction: 'out' }, bytes.out);
    },
  });
  return (value) => {
    const { progress, arrivedAt, startedAt, decidedAt } = value;
    const { recognisedAt, assertedAt, upstreamAskedAt, upstreamAnsweredAt } = progress;
    const protocol = protocolOf(value);
    protocols.add(protocol);
    bytes.in += progress.bytesIn;
    bytes.out += progress.bytesOut;
    gate.observe(startedAt - arrivedAt);
    if (recognisedAt !== 0) {
      session.observe(recognisedAt - startedAt);
      if (decidedAt !== undefined) decide.observe(decidedAt - recognisedAt);
    }
    if (assertedAt !== 0 && decidedAt !== undefined) assert.observe(assertedAt - decidedAt);
    if (upstreamAskedAt !== 0 && upstreamAnsweredAt !== 0) {
      upstream.observe(upstreamAnsweredAt - upstreamAskedAt);
    }
    // A tunnel or a stream of events takes as long as somebody looks at it.
    if (protocol === 'h1' || protocol === 'h2') total.observe(performance.now() - arrivedAt);
  };
}

function protocolOf({ raw, client, head }: Received): Protocol {
  const isH2 = raw.version.startsWith('2');
  if (client.tunnelled) return isH2 ? 'websocket_h2' : 'websocket';
  if (head.call) return 'grpc';
  // What EventSource sends, and nothing else does.
  if (head.accept === 'text/event-stream') return 'sse';
  return isH2 ? 'h2' : 'h1';
}
