import type { Block, Position, RevokeOp } from '@sallyport/shared/state/model';
import type { LaneTable } from '@sallyport/shared/state/tables/lane-table';
import { CarriedDenials } from '@sallyport/shared/sync/carried-denials';
import { isDenial } from '@sallyport/shared/sync/denials';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { Distributor } from '../../worker/distributor.ts';
import { monotonicMs } from '../monotonic.ts';
import { admitRows } from './admit-rows.ts';
import type { CarriedOps, EarlyDenials } from './disk/loaded-state.ts';
import { subjectsOf } from './subjects.ts';

/** What is to be enforced again after a restart, whole. */
export type SavedDenials = CarriedOps;

export interface CarriedRowsOptions {
  /** Readers look at it beside the lane's own. */
  readonly table: LaneTable;
  readonly distributor: Pick<Distributor, 'changed'>;
  readonly save: (denials: SavedDenials) => Promise<void>;
  /** null: a restart gives the lane's rows as they are. Else resolves when it does. */
  readonly pending: () => Promise<void> | null;
  /** The carried blocks are others than before. */
  readonly onBlocks: () => void;
}

/** Of one revision of a table. */
const opsMax = 50_000;

/** The denials that are enforced beside the rows of the lane `revoke`, and where they are kept. */
export class CarriedRows {
  readonly #options: CarriedRowsOptions;
  readonly #denials = new CarriedDenials();
  /** Frames whose denials are enforced ahead of their turn; how many is the machine's to bound. */
  #early: readonly EarlyDenials[] = [];
  /** Had their turn, in rows that a restart does not give yet. */
  #leaving: readonly EarlyDenials[] = [];
  /** Wall time, as it was told last. */
  #wallMs = Number.NEGATIVE_INFINITY;
  #changesTold = 0;

  constructor(options: CarriedRowsOptions) {
    this.#options = options;
  }

  /** What was saved before a restart; `head`: where the lane's rows stand, null: nowhere. */
  restore({ blocks, early }: SavedDenials, head: Position | null): void {
    this.#early = early;
    this.#put([
      ...this.#denials.carry(blocks, 0),
      ...early.flatMap(({ position, body }) => this.#denials.early(position, denialsIn(body))),
    ]);
    if (head !== null && early.length > 0) this.dropEarly(head);
  }

  enforceEarly(position: Position, body: Uint8Array): void {
    const denials = denialsIn(body);
    if (denials.length === 0) return;
    this.#early = [...this.#early, { position, body }];
    this.#put(this.#denials.early(position, denials));
    this.#save();
  }

  /** The lane's rows hold everything up to here. Kept on disk until they do so there, too. */
  dropEarly(upTo: Position): void {
    const gone = this.#early.filter(({ position }) => comparePositions(position, upTo) <= 0);
    this.#early = this.#early.filter(({ position }) => comparePositions(position, upTo) > 0);
    this.#leaving = [...this.#leaving, ...gone];
    this.#put(this.#denials.reached(upTo));
    const pending = this.#options.pending();
    if (pending === null) return this.#left(this.#leaving);
    void pending.then(() => this.#left(gone));
  }

  enforceProvisional(id: string, ops: readonly RevokeOp[]): void {
    this.#put(this.#denials.provisional(id, ops));
  }

  dropProvisional(id: string): void {
    this.#put(this.#denials.dropProvisional(id));
  }

  /** Blocks that new rows lack, and what was enforced early under an epoch before theirs. */
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

  /** Gives up what ended long ago. Wall time. */
  expire(wallMs: number): void {
    this.#wallMs = wallMs;
    if (this.#denials.rows > 0) this.#put(this.#denials.expire(wallMs, monotonicMs()));
  }

  /** Those whose time has passed are left out here, and kept all the same: the clock may be wrong. */
  blocks(): readonly Block[] {
    if (this.empty) return [];
    return this.#denials
      .carried()
      .filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > this.#wallMs);
  }

  /** Whether nothing is enforced beside the lane's own rows. */
  get empty(): boolean {
    return this.#denials.rows === 0;
  }

  #put(ops: readonly RevokeOp[]): void {
    if (ops.length > 0) {
      const { table, distributor } = this.#options;
      for (let start = 0; start < ops.length; start += opsMax) {
        table.apply(ops.slice(start, start + opsMax));
      }
      distributor.changed('revoke', null, subjectsOf(ops));
    }
    // An early block that is carried now changes no row, and still is another.
    const { carriedChanges } = this.#denials;
    if (carriedChanges === this.#changesTold) return;
    this.#changesTold = carriedChanges;
    this.#options.onBlocks();
    this.#save();
  }

  #left(gone: readonly EarlyDenials[]): void {
    if (gone.length === 0) return;
    const all = new Set(gone);
    this.#leaving = this.#leaving.filter((one) => !all.has(one));
    this.#save();
  }

  #save(): void {
    const early = [...this.#early, ...this.#leaving];
    // The disk counts what it could not keep; there is nothing more to do about it here.
    void this.#options.save({ blocks: this.#denials.carried(), early });
  }
}

/** What cannot be read holds no denial; the frame is refused when its turn comes. */
function denialsIn(body: Uint8Array): readonly RevokeOp[] {
  const rows = admitRows('revoke', body);
  return rows.ok ? (rows.ops as readonly RevokeOp[]).filter(isDenial) : [];
}
