import type { Lane, Position } from '@sallyport/shared/state/model';
import type { ResumeMode } from '@sallyport/shared/sync/messages';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Counts of the publishing side. */
export interface PublishMetrics {
  snapshotBuilt(lane: Lane): void;
  partSent(lane: Lane): void;
  frameSigned(lane: Lane): void;
  resumed(lane: Lane, mode: ResumeMode): void;
  nack(lane: Lane, code: string): void;
  streamEnded(reason: string): void;
  helloRefused(): void;
  /** `seconds`: since it was read from the log; null: that was before the edge could hear of it. */
  enforced(lane: Lane, path: string, seconds: number | null): void;
  epochRaised(): void;
}

/** What is read when somebody asks. */
export interface PublishGauges {
  readonly heads: () => ReadonlyMap<Lane, Position>;
  readonly imageRows: () => ReadonlyMap<Lane, number>;
  /** Sum of what the edges report, by alarm. */
  readonly alarms: () => ReadonlyMap<string, number>;
  readonly transfers: () => number;
}

export function createPublishMetrics(registry: Registry, gauges: PublishGauges): PublishMetrics {
  const registers = [registry];
  const counter = <Name extends string>(name: string, help: string, labelNames: Name[]) =>
    new Counter({ name: `sallyport_${name}_total`, help, labelNames, registers });
  const snapshots = counter('snapshots_built', 'Whole states made for edges', ['lane']);
  const parts = counter('shard_parts_sent', 'Parts of shards sent', ['lane']);
  const signed = counter('frames_signed', 'Frames signed', ['lane']);
  const resumes = counter('resumes', 'Answers to Hello', ['lane', 'mode']);
  const nacks = counter('nacks', 'Refusals of edges', ['lane', 'code']);
  const ends = counter('sync_stream_ends', 'Sync streams that this side ended', ['reason']);
  const refused = counter('hellos_refused', 'Hellos refused for load', []);
  const enforced = counter('enforced', 'Revisions enforced by edges, by the way they came', [
    'path',
  ]);
  const seconds = new Histogram({
    name: 'sallyport_enforced_seconds',
    help: 'From reading a revision to the word of an edge that enforces it',
    labelNames: ['lane'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers,
  });
  const epochs = counter('epochs_raised', 'Epochs raised because of an edge', []);
  registerGauges(registers, gauges);
  return {
    snapshotBuilt: (lane) => snapshots.inc({ lane }),
    partSent: (lane) => parts.inc({ lane }),
    frameSigned: (lane) => signed.inc({ lane }),
    resumed: (lane, mode) => resumes.inc({ lane, mode }),
    nack: (lane, code) => nacks.inc({ lane, code }),
    streamEnded: (reason) => ends.inc({ reason }),
    helloRefused: () => refused.inc(),
    enforced: (lane, path, tookSeconds) => {
      enforced.inc({ path });
      if (tookSeconds !== null) seconds.observe({ lane }, tookSeconds);
    },
    epochRaised: () => epochs.inc(),
  };
}

function registerGauges(registers: Registry[], gauges: PublishGauges): void {
  new Gauge({
    name: 'sallyport_lane_head',
    help: 'How far this replica has read a lane',
    labelNames: ['lane', 'part'],
    registers,
    collect() {
      for (const [lane, { epoch, rev }] of gauges.heads()) {
        this.set({ lane, part: 'epoch' }, epoch);
        this.set({ lane, part: 'rev' }, rev);
      }
    },
  });
  new Gauge({
    name: 'sallyport_lane_rows',
    help: 'Rows of a lane in memory',
    labelNames: ['lane'],
    registers,
    collect() {
      for (const [lane, rows] of gauges.imageRows()) this.set({ lane }, rows);
    },
  });
  new Gauge({
    name: 'sallyport_edge_alarms',
    help: 'What edges noticed since their processes began',
    labelNames: ['alarm'],
    registers,
    collect() {
      this.reset();
      for (const [alarm, count] of gauges.alarms()) this.set({ alarm }, count);
    },
  });
  new Gauge({
    name: 'sallyport_shard_transfers',
    help: 'Edges that are being sent shards',
    registers,
    collect() {
      this.set(gauges.transfers());
    },
  });
}
