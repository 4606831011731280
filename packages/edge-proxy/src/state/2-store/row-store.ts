import type { RevokeOp } from '@sallyport/shared/state/model';
import { MalformedShardError, TableLimitError } from '@sallyport/shared/state/tables/errors';
import { type RowLane, type RowOp, shardsPerLane } from '@sallyport/shared/state/tables/lane';
import type { LaneTable, StagedShards } from '@sallyport/shared/state/tables/lane-table';
import { type Denial, denialWeight } from '@sallyport/shared/sync/denials';
import type { Carry, Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { FrameMessage, ShardDigest } from '@sallyport/shared/sync/messages';
import type { Distributor } from '../../worker/distributor.ts';
import { admitRows } from './admit-rows.ts';
import type { CarriedRows } from './carried-rows.ts';
import { type Arrival, type LaneStore, type Swap, type Taken, taken } from './lane-store.ts';
import { joinShard } from './staged-bytes.ts';
import { subjectsOf } from './subjects.ts';
import { startTurns } from './turns.ts';

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

const shardIndexes = Array.from({ length: shardsPerLane }, (_, index) => index);

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
    return shardIndexes.map((index) => this.#options.table.shardDigest(index));
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

  swap(swap: Swap): Taken | Promise<Taken> {
    const { carried } = this.#options;
    const beside = swap.carry !== 'nothing' || carried?.empty === false;
    return carried !== null && beside ? this.#swapCarrying(swap, carried) : this.#replace(swap);
  }

  /** In slices: a lane may have a million rows, and much of it to be carried. */
  async #swapCarrying(swap: Swap, carried: CarriedRows): Promise<Taken> {
    const { epoch } = swap.position;
    const lacking = swap.carry === 'nothing' ? [] : await this.#lacking(swap.carry);
    // Ahead of the new rows, so that no reader in another thread finds a moment without either; and
    // with them what had been enforced early under an epoch before.
    const uncarried = await carried.carry(lacking, epoch);
    const replaced = this.#replace(swap);
    // Behind the new rows, and on disk no sooner than they are.
    await carried.arrived(epoch);
    return { ...replaced, uncarried };
  }

  #replace({ position, path, arrivedAtMs }: Swap): Extract<Taken, { kind: 'taken' }> {
    const { table, distributor, disk } = this.#options;
    this.#staged.commit();
    // It never rejects; who acknowledges asks the disk for it.
    void disk.replaced(table.lane, position, null);
    const delivery = { path, arrivedAtMs, lane: this.lane, position, silent: false };
    distributor.changed(this.lane, delivery, null);
    return taken;
  }

  /** Denials that the staged shards lack; a row is in the same shard of any table. */
  async #lacking(carry: Carry): Promise<Denial[]> {
    const { table } = this.#options;
    const lacking: Denial[] = [];
    const turn = startTurns();
    for (const index of shardIndexes) {
      const staged = this.#staged.shardDigest(index);
      if (staged === null || Buffer.compare(staged, table.shardDigest(index)) === 0) continue;
      let looked = 0;
      for (const kind of carriedKinds[carry]) {
        for (const denial of table.shardOps(index, kind)) {
          const row = this.#staged.rowOf(denial);
          if (row !== undefined && !isAsStrict(row, denial)) lacking.push(denial);
          looked += 1;
          if (looked % pieceMax === 0) await turn();
        }
      }
      await turn();
    }
    return lacking;
  }
}

/** Rows in one go. */
const pieceMax = 200;

const carriedKinds: Readonly<Record<Carry, readonly Denial['op'][]>> = {
  nothing: [],
  blocks: ['block'],
  denials: ['block', 'ended_session', 'generation'],
};

/** Whether a denial stands in the rows as they are now, as strict. */
export function isInRows(table: LaneTable, denial: Denial): boolean {
  return isAsStrict(table.rowOf(denial), denial);
}

function isAsStrict(row: RowOp | null, denial: Denial): boolean {
  if (row === null || row.op !== denial.op) return false;
  return denialWeight(row as Denial) >= denialWeight(denial);
}
