import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { StreamName } from '../state/1-sync/stream-keeper.ts';
import type { DroppedRecords } from '../worker/messages.ts';
import { addEdgeFigures, type EdgeFigures } from './edge-figures.ts';
import { addPlaceMetrics, type PlaceFigures } from './place-metrics.ts';
import { addStateMetrics, type StateFigures } from './state-metrics.ts';

/** Where the figures come from that are read when somebody asks. */
export interface MetricSources {
  readonly state: StateFigures;
  readonly edge: EdgeFigures;
  readonly places: PlaceFigures;
  readonly workers: () => number;
  readonly connected: (stream: StreamName) => boolean;
  /** Records lost, by place. */
  readonly dropped: () => Readonly<Record<string, DroppedRecords>>;
  readonly recordBacklog: () => number;
  readonly sightings: () => {
    readonly backlog: number;
    readonly lostInWorkers: number;
    readonly lostUpward: number;
  };
  /** Of access records on disk; null: none are kept there. */
  readonly recordSpool: () => SpoolFigures | null;
  /** Whether records can be kept only in the place of others. */
  readonly recordsFull: () => boolean;
  /** Whether there is a connection to the bus; null: there is no bus. */
  readonly busConnected: () => boolean | null;
}

export interface SpoolFigures {
  readonly bytes: number;
  readonly records: number;
  readonly failing: boolean;
  readonly damagedTotal: number;
}

/** Counters of the main thread. Labels hold nothing that a client can choose. */
export interface EdgeMetrics {
  readonly registry: Registry;
  readonly calls: Counter<'call' | 'result'>;
  readonly refusals: Counter<'lane' | 'code'>;
  readonly streamEnds: Counter<'stream' | 'reason'>;
  readonly sightings: Counter;
}

const streamNames = ['revoke', 'bulk', 'standby'] as const satisfies readonly StreamName[];

export function createEdgeMetrics(sources: MetricSources): EdgeMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  addStateMetrics(registers, sources.state);
  addPlaceMetrics(registers, sources.places);
  addRecordFigures(registers, sources);
  addEdgeFigures(registers, sources.edge);
  addSightingFigures(registers, sources);
  new Gauge({
    name: 'sallyport_edge_workers',
    help: 'Request workers',
    registers,
    collect() {
      this.set(sources.workers());
    },
  });
  new Gauge({
    name: 'sallyport_edge_sync_connected',
    help: 'Whether the stream to the control plane is open and resumed',
    labelNames: ['stream'],
    registers,
    collect() {
      for (const stream of streamNames) this.set({ stream }, sources.connected(stream) ? 1 : 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_bus_connected',
    help: 'Whether there is a connection to the bus; absent where there is no bus',
    registers,
    collect() {
      // A reset would leave a 0, which says that there is one and it is gone.
      this.remove();
      const connected = sources.busConnected();
      if (connected !== null) this.set(connected ? 1 : 0);
    },
  });
  return {
    registry,
    sightings: new Counter({
      name: 'sallyport_edge_sightings_total',
      help: 'Sightings of users that had to be told to the control plane',
      registers,
    }),
    calls: new Counter({
      name: 'sallyport_edge_control_calls_total',
      help: 'Calls of requests to the control plane, by how they ended',
      labelNames: ['call', 'result'],
      registers,
    }),
    refusals: new Counter({
      name: 'sallyport_edge_state_refused_total',
      help: 'Frames, shards or rows that were not taken, by the code of the NACK',
      labelNames: ['lane', 'code'],
      registers,
    }),
    streamEnds: new Counter({
      name: 'sallyport_edge_sync_stream_ends_total',
      help: 'Streams to the control plane that ended, by reason',
      labelNames: ['stream', 'reason'],
      registers,
    }),
  };
}

/** The figures of the main thread and of all workers, added up, in the Prometheus text format. */
export async function renderMetrics(
  metrics: EdgeMetrics,
  workers: readonly object[],
): Promise<string> {
  const own = await metrics.registry.getMetricsAsJSON();
  return AggregatorRegistry.aggregate([own, ...workers]).metrics();
}

function addRecordFigures(registers: Registry[], sources: MetricSources): void {
  new Counter({
    name: 'sallyport_edge_records_dropped_total',
    help: 'Access records lost for want of room, by place and kind',
    labelNames: ['place', 'kind'],
    registers,
    collect() {
      this.reset();
      for (const [place, { permits, denials }] of Object.entries(sources.dropped())) {
        this.inc({ place, kind: 'permit' }, permits);
        this.inc({ place, kind: 'denial' }, denials);
      }
    },
  });
  new Gauge({
    name: 'sallyport_edge_records_backlog',
    help: 'Access records that the control plane has not acknowledged yet',
    registers,
    collect() {
      this.set(sources.recordBacklog());
    },
  });
  new Gauge({
    name: 'sallyport_edge_records_full',
    help: 'Whether more access records can be kept only in the place of others',
    registers,
    collect() {
      this.set(sources.recordsFull() ? 1 : 0);
    },
  });
  addSpoolFigures(registers, sources);
}

function addSpoolFigures(registers: Registry[], sources: MetricSources): void {
  new Gauge({
    name: 'sallyport_edge_records_spool_bytes',
    help: 'Bytes of access records on disk that no control plane has taken',
    registers,
    collect() {
      this.set(sources.recordSpool()?.bytes ?? 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_records_spooled',
    help: 'Access records on disk that no control plane has taken, as far as they are counted',
    registers,
    collect() {
      this.set(sources.recordSpool()?.records ?? 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_records_spool_failing',
    help: 'Whether access records cannot be written to the disk',
    registers,
    collect() {
      this.set(sources.recordSpool()?.failing === true ? 1 : 0);
    },
  });
  new Counter({
    name: 'sallyport_edge_records_spool_damaged_total',
    help: 'Places on the disk at which access records were torn or changed',
    registers,
    collect() {
      this.reset();
      this.inc(sources.recordSpool()?.damagedTotal ?? 0);
    },
  });
}

function addSightingFigures(registers: Registry[], { sightings }: MetricSources): void {
  new Counter({
    name: 'sallyport_edge_sightings_dropped_total',
    help: 'Sightings lost for want of room, by place',
    labelNames: ['place'],
    registers,
    collect() {
      this.reset();
      const { lostInWorkers, lostUpward } = sightings();
      this.inc({ place: 'worker' }, lostInWorkers);
      this.inc({ place: 'upward' }, lostUpward);
    },
  });
  new Gauge({
    name: 'sallyport_edge_sightings_backlog',
    help: 'Sightings that the control plane has not acknowledged yet',
    registers,
    collect() {
      this.set(sightings().backlog);
    },
  });
}
