import type { Lane, Position } from '@sallyport/shared/state/model';
import type { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import type { LaneTable } from '@sallyport/shared/state/tables/lane-table';
import type { Carried } from '@sallyport/shared/sync/carried-denials';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import type { DiskProblemCode, Refused } from './file-format.ts';
import type { HeldKeys } from './held-keys.ts';

/** What the files on disk gave. */
export interface LoadedState {
  readonly tables: Readonly<Record<RowLane, LaneTable>>;
  readonly configRows: KeyedRows;
  readonly lanes: Readonly<Record<Lane, LoadedLane>>;
  readonly carried: CarriedOps;
  readonly keys: HeldKeys;
  readonly problems: readonly DiskProblem[];
}

/** Denials that are enforced without being part of the revoke lane's state. */
export interface CarriedOps extends Carried {
  /** Of frames that have not had their turn. */
  readonly early: readonly EarlyDenials[];
}

/** A frame of `revoke` whose denials are enforced ahead of its turn. */
export interface EarlyDenials {
  readonly proof: FrameProof;
  /** As it was signed; verified before it came here. */
  readonly body: Uint8Array;
}

export interface LoadedLane {
  /** false: the rows that are there are good for comparing shard digests, and for nothing else. */
  readonly complete: boolean;
  /** null unless complete. */
  readonly position: Position | null;
  /** Of the frame that led to the position; null: not known. */
  readonly proof: FrameProof | null;
  /** Of which the state is, by the wall clock as it is set now; null: as old as can be. */
  readonly asOfMs: number | null;
  readonly missingShards: readonly number[];
  /** The highest position that this edge has held, whatever became of the files. */
  readonly highest: Position | null;
}

/** A file, or the end of one, that was not believed. */
export interface DiskProblem {
  readonly file: string;
  readonly lane: Lane | null;
  readonly shard: number | null;
  readonly code: DiskProblemCode;
  readonly detail: string;
}

/** Collects what was not believed. */
export class Problems {
  readonly found: DiskProblem[] = [];

  add(
    file: string,
    { code, detail }: Pick<Refused, 'code' | 'detail'>,
    place: { readonly lane?: Lane; readonly shard?: number } = {},
  ): void {
    const { lane = null, shard = null } = place;
    this.found.push({ file, lane, shard, code, detail });
  }
}
