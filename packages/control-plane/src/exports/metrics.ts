import { Counter, Gauge, type Registry } from 'prom-client';

/** What is told of exports and webhooks; gauges only where this replica leads. */
export interface ExportMetrics {
  sent(sink: string, what: string, rows: number): void;
  rejected(sink: string, rows: number): void;
  missed(sink: string, what: string, rows: number): void;
  failed(sink: string): void;
  delivery(webhook: string, outcome: 'delivered' | 'failed' | 'dead'): void;
}

/** How far behind a sink is. */
export interface Lag {
  readonly sink: string;
  readonly what: string;
  readonly rows: number;
  readonly seconds: number;
}

export interface ExportGauges {
  readonly lags: () => readonly Lag[];
  /** Deliveries that wait, by webhook. */
  readonly pending: () => ReadonlyMap<string, number>;
}

export function createExportMetrics(registry: Registry, gauges: ExportGauges): ExportMetrics {
  const registers = [registry];
  const counter = <Name extends string>(name: string, help: string, labelNames: Name[]) =>
    new Counter({ name: `sallyport_${name}_total`, help, labelNames, registers });
  const sent = counter('export_rows_sent', 'Rows that a sink took', ['sink', 'what']);
  const rejected = counter('export_rows_rejected', 'Rows that a sink refused for good', ['sink']);
  const missed = counter('export_rows_missed', 'Rows that were removed before they were sent', [
    'sink',
    'what',
  ]);
  const failures = counter('export_failures', 'Batches that could not be sent', ['sink']);
  const deliveries = counter('webhook_deliveries', 'Attempts of webhooks, by how they ended', [
    'webhook',
    'outcome',
  ]);
  registerGauges(registers, gauges);
  return {
    sent: (sink, what, rows) => sent.inc({ sink, what }, rows),
    rejected: (sink, rows) => rejected.inc({ sink }, rows),
    missed: (sink, what, rows) => missed.inc({ sink, what }, rows),
    failed: (sink) => failures.inc({ sink }),
    delivery: (webhook, outcome) => deliveries.inc({ webhook, outcome }),
  };
}

function registerGauges(registers: Registry[], { lags, pending }: ExportGauges): void {
  const byRow = (value: (lag: Lag) => number) =>
    function collect(this: Gauge<'sink' | 'what'>): void {
      this.reset();
      for (const one of lags()) this.set({ sink: one.sink, what: one.what }, value(one));
    };
  new Gauge({
    name: 'sallyport_export_lag_rows',
    help: 'Rows that a sink has yet to take',
    labelNames: ['sink', 'what'],
    registers,
    collect: byRow(({ rows }) => rows),
  });
  new Gauge({
    name: 'sallyport_export_lag_seconds',
    help: 'Age of the oldest row that a sink has yet to take',
    labelNames: ['sink', 'what'],
    registers,
    collect: byRow(({ seconds }) => seconds),
  });
  new Gauge({
    name: 'sallyport_webhook_pending',
    help: 'Deliveries of a webhook that wait',
    labelNames: ['webhook'],
    registers,
    collect() {
      this.reset();
      for (const [webhook, count] of pending()) this.set({ webhook }, count);
    },
  });
}
