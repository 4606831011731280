import { Counter, Gauge, type Registry } from 'prom-client';
import { type Http2Figures, sessionEnds } from '../request/1-listen/h2/counts.ts';
import { floodKinds } from '../request/1-listen/h2/frame-budget.ts';

/** Adds what is open of HTTP/2 with clients, and how what was open ended. */
export function addHttp2Metrics(registers: Registry[], read: () => Http2Figures | null): void {
  new Gauge({
    name: 'sallyport_edge_http2_sessions',
    help: 'Connections to the public listener that speak HTTP/2',
    registers,
    collect() {
      this.set(read()?.sessions ?? 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_http2_streams',
    help: 'Requests under way on connections that speak HTTP/2, permitted or not',
    registers,
    collect() {
      this.set(read()?.streams ?? 0);
    },
  });
  new Counter({
    name: 'sallyport_edge_http2_sessions_ended_total',
    help: 'Connections of HTTP/2 that have ended, by why',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      const ended = read()?.ended;
      for (const reason of sessionEnds) this.inc({ reason }, ended?.[reason] ?? 0);
    },
  });
  new Counter({
    name: 'sallyport_edge_http2_floods_total',
    help: 'Connections of HTTP/2 that were ended for a flood, by what there was too much of',
    labelNames: ['frame'],
    registers,
    collect() {
      this.reset();
      const floods = read()?.floods;
      for (const frame of floodKinds) this.inc({ frame }, floods?.[frame] ?? 0);
    },
  });
}
