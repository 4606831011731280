import type { Lane } from '@sallyport/shared/state/model';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LaneBoard, LaneCounts, LaneStanding } from '../state/1-sync/lane-board.ts';
import type { DiskStatus } from '../state/2-store/disk/disk-status.ts';
import { type LaneAges, unknownAgeMs } from '../state/lane-ages.ts';
import { lanes } from '../state/lanes.ts';

/** Where the figures of the state come from. */
export interface StateFigures {
  readonly board: LaneBoard;
  readonly ages: LaneAges;
  readonly digestAgrees: (lane: Lane) => boolean | null;
  /** Lanes that this process has had from its disk. */
  readonly loaded: readonly Lane[];
  readonly disk: () => DiskStatus;
  readonly offHeapBytes: () => number;
}

type Registers = Registry[];

/** How the lanes stand: how far, how old, by which way, and what was noticed. */
export function addStateMetrics(registers: Registers, figures: StateFigures): void {
  addPositions(registers, figures);
  addAges(registers, figures);
  addCounts(registers, figures);
  addDisk(registers, figures);
  gauge(
    registers,
    'sallyport_edge_state_off_heap_bytes',
    'Shared memory of the rows',
    figures.offHeapBytes,
  );
}

function addPositions(registers: Registers, { board, loaded }: StateFigures): void {
  const positions = (standing: LaneStanding) => ({
    taken: standing.taken,
    applied: standing.applied?.position ?? null,
    enforced: standing.enforced?.position ?? null,
  });
  new Gauge({
    name: 'sallyport_edge_lane_revision',
    help: 'Revision of a lane that has been taken, applied by all workers, enforced by all workers',
    labelNames: ['lane', 'stage'],
    registers,
    collect() {
      for (const [lane, standing] of board.all()) {
        for (const [stage, position] of Object.entries(positions(standing))) {
          this.set({ lane, stage }, position?.rev ?? 0);
        }
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
    name: 'sallyport_edge_state_loaded',
    help: 'Whether this process has had the lane from its disk',
    labelNames: ['lane'],
    registers,
    collect() {
      for (const lane of lanes) this.set({ lane }, loaded.includes(lane) ? 1 : 0);
    },
  });
}

function addAges(registers: Registers, { ages, digestAgrees }: StateFigures): void {
  new Gauge({
    name: 'sallyport_edge_lane_staleness_seconds',
    help: 'Time since the lane was last known to be complete; absent where nothing is known',
    labelNames: ['lane'],
    registers,
    collect() {
      this.reset();
      for (const lane of lanes) {
        const ageMs = ages.ageMs(lane);
        if (ageMs !== unknownAgeMs) this.set({ lane }, ageMs / 1_000);
      }
    },
  });
  new Gauge({
    name: 'sallyport_edge_lane_digest_agrees',
    help: 'Whether the rows are those that the control plane has; absent before a comparison',
    labelNames: ['lane'],
    registers,
    collect() {
      this.reset();
      for (const lane of lanes) {
        const agrees = digestAgrees(lane);
        if (agrees !== null) this.set({ lane }, agrees ? 1 : 0);
      }
    },
  });
}

function addCounts(registers: Registers, { board }: StateFigures): void {
  counter(registers, {
    name: 'sallyport_edge_state_alarms_total',
    help: 'Gaps, replays, rollbacks, forgeries, silence and the like, by lane and name',
    labelNames: ['lane', 'alarm'],
    counts: (lane) => board.alarms(lane),
  });
  counter(registers, {
    name: 'sallyport_edge_frames_first_total',
    help: 'Revisions and whole states by the way that brought them first',
    labelNames: ['lane', 'path'],
    counts: (lane) => board.firsts(lane),
  });
}

function counter(
  registers: Registers,
  options: {
    readonly name: string;
    readonly help: string;
    readonly labelNames: readonly ['lane', 'alarm' | 'path'];
    readonly counts: (lane: Lane) => LaneCounts;
  },
): void {
  const { name, help, labelNames, counts } = options;
  const [, second] = labelNames;
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers,
    collect() {
      this.reset();
      for (const lane of lanes) {
        for (const [key, count] of Object.entries(counts(lane))) {
          this.inc({ lane, [second]: key }, count);
        }
      }
    },
  });
}

function addDisk(registers: Registers, { disk }: StateFigures): void {
  gauge(registers, 'sallyport_edge_disk_failing', 'Whether the state does not get to disk', () =>
    disk().failing === null ? 0 : 1,
  );
  total(
    registers,
    'sallyport_edge_disk_errors_total',
    'Operations on the disk that failed',
    () => disk().errorsTotal,
  );
  total(
    registers,
    'sallyport_edge_disk_checkpoints_total',
    'Checkpoints of a lane',
    () => disk().checkpointsTotal,
  );
  new Counter({
    name: 'sallyport_edge_disk_refused_total',
    help: 'Files, or parts of them, that were not believed when the edge started',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of Object.entries(disk().problemsTotal)) this.inc({ code }, count);
    },
  });
  new Gauge({
    name: 'sallyport_edge_disk_journal_bytes',
    help: 'Journal of a lane since its last checkpoint',
    labelNames: ['lane'],
    registers,
    collect() {
      for (const [lane, { journalBytes }] of Object.entries(disk().lanes)) {
        this.set({ lane }, journalBytes);
      }
    },
  });
}

function gauge(registers: Registers, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}

function total(registers: Registers, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
