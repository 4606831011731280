import { Counter, type Registry } from 'prom-client';
import type { SpanCounts } from './span-exporter.ts';

const none: SpanCounts = { exported: 0, lost: 0, refused: 0 };

/** `counts`: null where spans are not told to anybody. */
export function addSpanMetrics(registers: Registry[], counts: () => SpanCounts | null): void {
  new Counter({
    name: 'sallyport_edge_spans_total',
    help: 'Spans of sampled requests, by what became of them',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset();
      const { exported, lost, refused } = counts() ?? none;
      this.inc({ result: 'exported' }, exported);
      this.inc({ result: 'lost' }, lost);
      this.inc({ result: 'refused' }, refused);
    },
  });
}
