import { X509Certificate } from 'node:crypto';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Whether the edge serves, and how long its certificates last. */
export interface EdgeFigures {
  /** As `/readyz` says it. */
  readonly notReadyReasons: () => readonly string[];
  readonly warnings: () => readonly string[];
  /** PEM by what they are for; of several for one thing the first to end counts. */
  readonly certificates: () => Readonly<Record<string, readonly string[]>>;
  /** How often files of the public listener were found that cannot be used. */
  readonly certificateFailures: () => number;
  readonly nowMs: () => number;
}

export function addEdgeFigures(registers: Registry[], figures: EdgeFigures): void {
  new Gauge({
    name: 'sallyport_edge_ready',
    help: 'Whether this edge should get requests, as /readyz says it',
    registers,
    collect() {
      this.set(figures.notReadyReasons().length === 0 ? 1 : 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_not_ready',
    help: 'Why this edge should get no requests; absent where it should',
    labelNames: ['code'],
    registers,
    collect() {
      setCodes(this, figures.notReadyReasons());
    },
  });
  new Gauge({
    name: 'sallyport_edge_warning',
    help: 'What should be looked at although the edge serves; absent where there is nothing',
    labelNames: ['code'],
    registers,
    collect() {
      setCodes(this, figures.warnings());
    },
  });
  new Counter({
    name: 'sallyport_edge_certificate_reload_failures_total',
    help: 'Changes of the files of the public listener that cannot be used: the last good ones serve',
    registers,
    collect() {
      this.reset();
      this.inc(figures.certificateFailures());
    },
  });
  const ends = new Map<string, number>();
  new Gauge({
    name: 'sallyport_edge_certificate_seconds_left',
    help: 'Until a certificate of this edge ends: towards the control plane, upstreams, clients',
    labelNames: ['certificate'],
    registers,
    collect() {
      for (const [certificate, pems] of Object.entries(figures.certificates())) {
        const endsMs = Math.min(...pems.map((pem) => endMs(ends, pem)));
        if (Number.isFinite(endsMs)) {
          this.set({ certificate }, Math.floor((endsMs - figures.nowMs()) / 1_000));
        }
      }
    },
  });
}

function setCodes(gauge: Gauge<'code'>, codes: readonly string[]): void {
  gauge.reset();
  for (const code of codes) gauge.set({ code }, 1);
}

const endsMax = 64;

/** A certificate is read once, and not at each question. */
function endMs(ends: Map<string, number>, pem: string): number {
  const known = ends.get(pem);
  if (known !== undefined) return known;
  if (ends.size >= endsMax) ends.clear();
  const end = new X509Certificate(pem).validToDate.getTime();
  ends.set(pem, end);
  return end;
}
