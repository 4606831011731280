import type { Block, Position, RevokeOp } from '@sallyport/shared/state/model';
import type { LaneTable } from '@sallyport/shared/state/tables/lane-table';
import { CarriedDenials } from '@sallyport/shared/sync/carried-denials';
import type { Distributor } from '../../worker/distributor.ts';
import { subjectsOf } from './subjects.ts';

/** What is to be enforced again after a restart, whole. */
export interface SavedDenials {
  /** Carried over an epoch change, until they are lifted or arrive. */
  readonly blocks: readonly Block[];
  /** Ahead of their turn: until the lane is complete. */
  readonly early: readonly RevokeOp[];
}

export interface CarriedRowsOptions {
  /** Readers look at it beside the lane's own. */
  readonly table: LaneTable;
  readonly distributor: Pick<Distributor, 'changed'>;
  readonly save: (denials: SavedDenials) => Promise<void>;
  /** The carried blocks are others than before. */
  readonly onBlocks: () => void;
}

const restored = 'restored';
/** Of one revision of a table. */
const opsMax = 50_000;

/** The denials that are enforced beside the rows of the lane `revoke`, and where they are kept. */
export class CarriedRows {
  readonly #options: CarriedRowsOptions;
  readonly #denials = new CarriedDenials();
  /** Frames whose denials were enforced ahead of their turn. */
  #early: { readonly position: Position; readonly ops: readonly RevokeOp[] }[] = [];
  #reported = '';

  constructor(options: CarriedRowsOptions) {
    this.#options = options;
  }

  /** What was saved before a restart. */
  restore({ blocks, early }: SavedDenials): void {
    this.#put([...this.#denials.carry(blocks, 0), ...this.#denials.provisional(restored, early)]);
  }

  /** The lane is complete: what had been ahead of its turn is in its rows. */
  complete(): void {
    this.#put(this.#denials.dropProvisional(restored));
  }

  enforceEarly(position: Position, ops: readonly RevokeOp[]): void {
    this.#early.push({ position, ops });
    this.#put(this.#denials.early(position, ops));
    this.#save();
  }

  dropEarly(upTo: Position): void {
    this.#early = this.#early.filter(({ position: { epoch, rev } }) => {
      return epoch > upTo.epoch || (epoch === upTo.epoch && rev > upTo.rev);
    });
    this.#put(this.#denials.reached(upTo));
    this.#save();
  }

  enforceProvisional(id: string, ops: readonly RevokeOp[]): void {
    this.#put(this.#denials.provisional(id, ops));
  }

  dropProvisional(id: string): void {
    this.#put(this.#denials.dropProvisional(id));
  }

  /** Blocks that a new epoch's rows lack. */
  carry(blocks: readonly Block[], epoch: number): void {
    this.#put(this.#denials.carry(blocks, epoch));
  }

  /** The lane's rows have been replaced by some that may hold what is carried. */
  arrived(inState: (block: Block) => boolean): void {
    this.#put(this.#denials.arrived(inState));
  }

  /** The lane's rows have taken these ops. */
  applied(ops: readonly RevokeOp[]): void {
    if (this.#denials.rows > 0) this.#put(this.#denials.applied(ops));
  }

  /** Wall time. */
  expire(wallMs: number): void {
    if (this.#denials.rows > 0) this.#put(this.#denials.expire(wallMs));
  }

  blocks(): readonly Block[] {
    return this.#denials.rows === 0 ? [] : this.#denials.carried();
  }

  #put(ops: readonly RevokeOp[]): void {
    if (ops.length === 0) return;
    const { table, distributor } = this.#options;
    for (let start = 0; start < ops.length; start += opsMax) {
      table.apply(ops.slice(start, start + opsMax));
    }
    distributor.changed('revoke', null, subjectsOf(ops));
    const blocks = this.blocks();
    const named = blocks.map(({ revocationId }) => revocationId).join(' ');
    if (named === this.#reported) return;
    this.#reported = named;
    this.#options.onBlocks();
    this.#save();
  }

  #save(): void {
    const early = this.#early.flatMap(({ ops }) => ops);
    // The disk counts what it could not keep; there is nothing more to do about it here.
    void this.#options.save({ blocks: this.blocks(), early });
  }
}
