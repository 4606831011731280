import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { LaneBoard, LaneStanding } from '../state/1-sync/lane-board.ts';
import type { StreamName } from '../state/1-sync/sync-client.ts';
import type { DroppedRecords } from '../worker/messages.ts';

/** Where the figures come from that are read when somebody asks. */
export interface MetricSources {
  readonly board: LaneBoard;
  readonly workers: () => number;
  readonly connected: (stream: StreamName) => boolean;
  /** Records lost, by place. */
  readonly dropped: () => Readonly<Record<string, DroppedRecords>>;
  readonly recordBacklog: () => number;
  /** performance.now() */
  readonly now: () => number;
}

/** Counters of the main thread. Labels hold nothing that a client can choose. */
export interface EdgeMetrics {
  readonly registry: Registry;
  readonly calls: Counter<'call' | 'result'>;
  readonly refusals: Counter<'lane' | 'code'>;
  readonly streamEnds: Counter<'stream' | 'reason'>;
}

const streamNames = ['revoke', 'bulk'] as const satisfies readonly StreamName[];

export function createEdgeMetrics(sources: MetricSources): EdgeMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  addLaneGauges(registers, sources);
  addRecordFigures(registers, sources);
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
  return {
    registry,
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

function addLaneGauges(registers: Registry[], { board, now }: MetricSources): void {
  const stages = ['taken', 'applied', 'enforced'] as const satisfies (keyof LaneStanding)[];
  new Gauge({
    name: 'sallyport_edge_lane_revision',
    help: 'Revision of a lane that has been taken, applied by all workers, enforced by all workers',
    labelNames: ['lane', 'stage'],
    registers,
    collect() {
      for (const [lane, standing] of board.all()) {
        for (const stage of stages) this.set({ lane, stage }, standing[stage]?.rev ?? 0);
      }
    },
  });
  new Gauge({
    name: 'sallyport_edge_lane_epoch',
    help: 'Epoch of a lane; 0: no state yet',
    labelNames: ['lane'],
    registers,
    collect() {
      for (const [lane, { taken }] of board.all()) this.set({ lane }, taken?.epoch ?? 0);
    },
  });
  new Gauge({
    name: 'sallyport_edge_lane_staleness_seconds',
    help: 'Time since the lane was last known to be complete; absent before the first time',
    labelNames: ['lane'],
    registers,
    collect() {
      this.reset();
      for (const [lane] of board.all()) {
        const seconds = board.stalenessSeconds(lane, now());
        if (seconds !== null) this.set({ lane }, seconds);
      }
    },
  });
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
}
