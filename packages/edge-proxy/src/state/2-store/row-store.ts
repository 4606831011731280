import type { Block, RevokeOp } from '@sallyport/shared/state/model';
import { MalformedShardError, TableLimitError } from '@sallyport/shared/state/tables/errors';
import { type RowLane, type RowOp, shardsPerLane } from '@sallyport/shared/state/tables/lane';
import type { LaneTable, StagedShards } from '@sallyport/shared/state/tables/lane-table';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { FrameMessage, ShardDigest } from '@sallyport/shared/sync/messages';
import type { Distributor } from '../../worker/distributor.ts';
import { admitRows } from './admit-rows.ts';
import type { CarriedRows } from './carried-rows.ts';
import { type Arrival, type LaneStore, type Swap, type Taken, taken } from './lane-store.ts';
import { joinShard } from './staged-bytes.ts';
import { subjectsOf } from './subjects.ts';

/** Keeps what was taken beyond this process. */
export interface RowDisk {
  append(frame: FrameMessage): unknown;
  /** The staged shards are in the tables; resolves when a restart would come back with them. */
  replaced(lane: RowLane, position: Swap['position'], proof: null): Promise<void>;
}

export interface RowStoreOptions {
  readonly table: LaneTable;
  readonly distributor: Pick<Distributor, 'changed'>;
  readonly disk: RowDisk;
  /** Of the lane `revoke` alone. */
  readonly carried: CarriedRows | null;
}

/** A lane of rows in shared tables. */
export class RowStore implements LaneStore {
  readonly lane: RowLane;
  readonly #options: RowStoreOptions;
  readonly #staged: StagedShards;

  constructor(options: RowStoreOptions) {
    this.lane = options.table.lane;
    this.#options = options;
    this.#staged = options.table.stage();
  }

  digest(): Uint8Array {
    return this.#options.table.digest();
  }

  shardDigests(): readonly Uint8Array[] {
    return Array.from({ length: shardsPerLane }, (_, i) => this.#options.table.shardDigest(i));
  }

  apply(frame: FrameMessage, arrival: Arrival): Taken {
    const { table, distributor, disk, carried } = this.#options;
    const rows = admitRows(this.lane, frame.body);
    if (!rows.ok) return { kind: 'refused', problem: rows.refusal };
    // Of this lane, as admission has made sure.
    const ops = rows.ops as readonly RowOp[];
    try {
      table.apply(ops);
    } catch (error) {
      if (!(error instanceof TableLimitError)) throw error;
      return { kind: 'refused', problem: { code: 'LIMIT', detail: error.message } };
    }
    disk.append(frame);
    carried?.applied(rows.ops as readonly RevokeOp[]);
    const position = { epoch: frame.epoch, rev: frame.rev };
    const delivery = { ...arrival, lane: this.lane, position, silent: false };
    distributor.changed(this.lane, delivery, subjectsOf(ops));
    return taken;
  }

  stage(index: number, parts: readonly Uint8Array[], expected: ShardDigest): Problem | null {
    const joined = joinShard(index, parts, expected);
    if (!joined.ok) return joined.problem;
    try {
      this.#staged.put(index, joined.bytes);
    } catch (error) {
      if (!(error instanceof MalformedShardError)) throw error;
      return { code: 'SCHEMA', detail: `shard ${index}: ${error.message}` };
    }
    const digest = this.#staged.shardDigest(index);
    if (digest !== null && Buffer.compare(digest, expected.digest) === 0) return null;
    return { code: 'DIGEST', detail: `the rows of shard ${index} have another digest` };
  }

  dropStaged(): void {
    this.#staged.drop();
  }

  swap({ position, carry, ...arrival }: Swap): Taken {
    const { table, distributor, disk, carried } = this.#options;
    const before = carry && carried !== null ? blocksOf(table) : [];
    this.#staged.commit();
    if (carried !== null) this.#carry(carried, before, position.epoch);
    // It never rejects; who acknowledges asks the disk for it.
    void disk.replaced(table.lane, position, null);
    const delivery = { ...arrival, lane: this.lane, position, silent: false };
    distributor.changed(this.lane, delivery, null);
    return taken;
  }

  #carry(carried: CarriedRows, before: readonly Block[], epoch: number): void {
    const nobodyAsks = before.length === 0 && carried.empty;
    const inState = nobodyAsks ? () => false : blockFinder(this.#options.table);
    // Also what had been enforced early under an epoch before.
    carried.carry(
      before.filter((block) => !inState(block)),
      epoch,
    );
    carried.arrived(inState);
  }
}

/** Tells whether a block stands in the rows as they are now, for at least as long. */
export function blockFinder(table: LaneTable): (block: Block) => boolean {
  const ends = new Map(blocksOf(table).map((block) => [rowName(block), endOf(block)]));
  return (block) => (ends.get(rowName(block)) ?? Number.NEGATIVE_INFINITY) >= endOf(block);
}

function endOf({ expiresAtMs }: Block): number {
  return expiresAtMs ?? Number.POSITIVE_INFINITY;
}

function blocksOf(table: LaneTable): Block[] {
  const indexes = Array.from({ length: shardsPerLane }, (_, index) => index);
  return indexes.flatMap((index) => [...table.shardOps(index, 'block')]);
}

function rowName({ kind, subjectId, revocationId }: Block): string {
  return `${kind}\0${subjectId}\0${revocationId}`;
}
