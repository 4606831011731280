import { Counter, Gauge, type Registry } from 'prom-client';

/** Counts of the gRPC side. */
export interface GrpcMetrics {
  call(method: string, outcome: string): void;
  recordsStored(count: number): void;
  recordsUnreadable(count: number): void;
  recordsDroppedAtEdge(count: number): void;
  sightings(outcome: 'taken' | 'unreadable' | 'dropped_at_edge', count: number): void;
}

/** Registers the metrics; the gauges are read when somebody asks. */
export function createGrpcMetrics(
  registry: Registry,
  gauges: {
    readonly connections: () => number;
    readonly streams: () => number;
    readonly logAgeMs: () => number;
  },
): GrpcMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('sallyport_grpc_connections', 'Open connections of edges', gauges.connections);
  gauge('sallyport_sync_streams', 'Open Sync streams', gauges.streams);
  gauge('sallyport_log_age_seconds', 'Time since the database was last seen', () =>
    Math.min(gauges.logAgeMs() / 1000, Number.MAX_SAFE_INTEGER),
  );
  const calls = new Counter({
    name: 'sallyport_grpc_calls_total',
    help: 'Calls of edges by method and gRPC status',
    labelNames: ['method', 'status'],
    registers,
  });
  const records = new Counter({
    name: 'sallyport_access_records_total',
    help: 'Access records: stored, unreadable, or dropped at an edge before they were sent',
    labelNames: ['outcome'],
    registers,
  });
  const sightings = new Counter({
    name: 'sallyport_sightings_total',
    help: 'Sightings of users: taken, unreadable, or dropped at an edge before they were sent',
    labelNames: ['outcome'],
    registers,
  });
  return {
    call: (method, outcome) => calls.inc({ method, status: outcome }),
    recordsStored: (count) => records.inc({ outcome: 'stored' }, count),
    recordsUnreadable: (count) => records.inc({ outcome: 'unreadable' }, count),
    recordsDroppedAtEdge: (count) => records.inc({ outcome: 'dropped_at_edge' }, count),
    sightings: (outcome, count) => sightings.inc({ outcome }, count),
  };
}
