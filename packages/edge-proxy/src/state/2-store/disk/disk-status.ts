import type { Lane, Position } from '@sallyport/shared/state/model';
import type { DiskFailure } from './disk-health.ts';
import type { DiskProblemCode } from './file-format.ts';

/** How the disk stands, for operators. */
export interface DiskStatus {
  /** null: everything that is to be on disk gets there. */
  readonly failing: DiskFailure | null;
  /** Operations that failed since the process began. */
  readonly errorsTotal: number;
  /** What was not believed when the edge started, by code. */
  readonly problemsTotal: Readonly<Partial<Record<DiskProblemCode, number>>>;
  readonly checkpointsTotal: number;
  readonly lanes: Readonly<Record<Lane, LaneDiskStatus>>;
}

export interface LaneDiskStatus {
  /** What a restart would come back with. */
  readonly stored: Position | null;
  readonly journalBytes: number;
  /** Shards whose newest rows are in the journal alone. */
  readonly dirtyShards: number;
}
