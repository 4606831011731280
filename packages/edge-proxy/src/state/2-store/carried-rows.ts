import type { Block, Position, RevokeOp } from '@sallyport/shared/state/model';
import type { LaneTable } from '@sallyport/shared/state/tables/lane-table';
import { CarriedDenials } from '@sallyport/shared/sync/carried-denials';
import { type Denial, denialKey, denialWeight, isDenial } from '@sallyport/shared/sync/denials';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { Distributor } from '../../worker/distributor.ts';
import { monotonicMs } from '../monotonic.ts';
import { admitRows } from './admit-rows.ts';
import type { CarriedOps, EarlyDenials } from './disk/loaded-state.ts';
import { LeavingDenials } from './leaving-denials.ts';
import { subjectsOf } from './subjects.ts';
import { startTurns } from './turns.ts';

/** What is to be enforced again after a restart, whole. */
export type SavedDenials = CarriedOps;

export interface CarriedRowsOptions {
  /** Readers look at it beside the lane's own. */
  readonly table: LaneTable;
  readonly distributor: Pick<Distributor, 'changed'>;
  readonly save: (denials: SavedDenials) => Promise<void>;
  /** null: the lane's rows as they are would outlive a power cut. Else resolves when they would. */
  readonly kept: () => Promise<void> | null;
  /** Whether the lane's rows as they are now have the denial, as strict. */
  readonly inRows: (denial: Denial) => boolean;
  /** What is carried is something else than before. */
  readonly onBlocks: () => void;
}

/** Of one revision of a table. */
const opsMax = 50_000;
/** In one go: some of a millisecond. */
const pieceMax = 100;
/** Carried generations and ended sessions. A file of them, and of the blocks, must be readable again. */
const carriedMax = 262_144;

/** The denials that are enforced beside the rows of the lane `revoke`, and where they are kept. */
export class CarriedRows {
  readonly #options: CarriedRowsOptions;
  readonly #denials = new CarriedDenials((denial) => this.#gone.push(denial));
  /** Carried no longer, by the change under way. */
  #gone: Denial[] = [];
  /** Of what is gone, what the lane's rows deny, since it was told last. */
  #intoRows: Denial[] = [];
  /** Frames whose denials are enforced ahead of their turn; how many is the machine's to bound. */
  #early: readonly EarlyDenials[] = [];
  /** Are in rows that a restart does not give yet. */
  readonly #leaving: LeavingDenials;
  /** Of what was carried when it was told last. */
  #epoch = 0;
  /** Wall time, as it was told last. */
  #wallMs = Number.NEGATIVE_INFINITY;
  #changesTold = 0;

  constructor(options: CarriedRowsOptions) {
    this.#options = options;
    this.#leaving = new LeavingDenials(options.kept, () => this.#save());
  }

  /** What was saved before a restart; `head`: where the lane's rows stand, null: nowhere. */
  restore({ epoch, denials, early }: SavedDenials, head: Position | null): void {
    this.#early = early;
    this.#put([
      ...this.#denials.carry(denials, epoch),
      ...early.flatMap(({ proof, body }) => this.#denials.early(proof, denialsIn(body))),
    ]);
    // Nothing here shows that the rows are of the same history.
    if (head !== null && early.length > 0) this.dropEarly(head, true);
  }

  enforceEarly(proof: FrameProof, body: Uint8Array): void {
    const denials = denialsIn(body);
    if (denials.length === 0) return;
    this.#early = [...this.#early, { proof, body }];
    this.#put(this.#denials.early(proof, denials));
    this.#save();
  }

  /**
   * The lane's rows hold everything up to here; with `carry` they may not, and what they lack is
   * carried on. Kept on disk until they do so there, too.
   */
  dropEarly(upTo: Position, carry: boolean): void {
    const gone = this.#early.filter(({ proof }) => comparePositions(proof, upTo) <= 0);
    this.#early = this.#early.filter(({ proof }) => comparePositions(proof, upTo) > 0);
    const waits = this.#leaving.add({ epoch: upTo.epoch, denials: [], early: gone });
    this.#put(this.#denials.reached(upTo, carry));
    if (carry && gone.length > 0) {
      const rows = new Set(gone.flatMap(({ body }) => denialsIn(body).map(denialKey)));
      this.#put(this.#denials.arrived(this.#options.inRows, upTo.epoch, rows), () => true);
    }
    if (gone.length > 0 && !waits) this.#save();
  }

  enforceProvisional(id: string, ops: readonly RevokeOp[]): void {
    this.#put(this.#denials.provisional(id, ops));
  }

  dropProvisional(id: string): void {
    this.#put(this.#denials.dropProvisional(id));
  }

  /**
   * Denials that new rows lack, and what was enforced early under an epoch before theirs: in force
   * when it resolves, and everybody else has a turn meanwhile. Gives for how many there was no room:
   * those that end first, and never a block.
   */
  async carry(denials: readonly Denial[], epoch: number): Promise<number> {
    const { fitting, left } = this.#fitting(denials);
    const turn = startTurns();
    // Also of none: what was enforced early is carried on with them.
    this.#change(this.#denials.carry([], epoch));
    for (let at = 0; at < fitting.length; at += pieceMax) {
      this.#change(this.#denials.carry(fitting.slice(at, at + pieceMax), epoch));
      await turn();
    }
    this.#tell();
    return left;
  }

  /**
   * The lane's rows have been replaced by some of this epoch that may hold what is carried. Everybody
   * else has a turn meanwhile: until it resolves, some stands in both.
   */
  async arrived(epoch: number): Promise<void> {
    const { inRows } = this.#options;
    const keys = this.#denials.carriedKeys();
    const turn = startTurns();
    for (let at = 0; at < keys.length; at += pieceMax) {
      const piece = keys.slice(at, at + pieceMax);
      this.#change(this.#denials.arrived(inRows, epoch, piece), () => true);
      await turn();
    }
    this.#tell();
  }

  /** The lane's rows have taken these ops. */
  applied(ops: readonly RevokeOp[]): void {
    if (this.empty && this.#leaving.empty) return;
    const lifted = liftedIn(ops);
    this.#leaving.lift(lifted);
    this.#put(this.#denials.applied(ops), (denial) => !lifted.has(denialKey(denial)));
  }

  /** Gives up what ended long ago. Wall time. */
  expire(wallMs: number): void {
    this.#wallMs = wallMs;
    if (this.#denials.rows > 0) this.#put(this.#denials.expire(wallMs, monotonicMs()));
  }

  /**
   * Carried blocks, so many at the most. Those whose time has passed are left out here, and kept all
   * the same: the clock may be wrong.
   */
  blocks(blocksMax?: number): readonly Block[] {
    return this.#denials.blocks(
      blocksMax,
      ({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > this.#wallMs,
    );
  }

  /** How many blocks are carried, also of those whose time has passed. */
  get blockCount(): number {
    return this.#denials.carriedBlocks;
  }

  /** Whether nothing is enforced beside the lane's own rows. */
  get empty(): boolean {
    return this.#denials.rows === 0;
  }

  /** `intoRows`: of what is carried no longer, whether the lane's rows as they are now deny it. */
  #put(ops: readonly RevokeOp[], intoRows?: (denial: Denial) => boolean): void {
    this.#change(ops, intoRows);
    this.#tell();
  }

  #change(ops: readonly RevokeOp[], intoRows: (denial: Denial) => boolean = () => false): void {
    const gone = this.#gone;
    if (gone.length > 0) this.#gone = [];
    for (const denial of gone) if (intoRows(denial)) this.#intoRows.push(denial);
    if (ops.length === 0) return;
    const { table, distributor } = this.#options;
    for (let start = 0; start < ops.length; start += opsMax) {
      table.apply(ops.slice(start, start + opsMax));
    }
    distributor.changed('revoke', null, subjectsOf(ops));
  }

  #tell(): void {
    // An early block that is carried now changes no row, and still is another.
    const { carriedChanges } = this.#denials;
    if (carriedChanges === this.#changesTold) return;
    this.#changesTold = carriedChanges;
    this.#leave();
    this.#epoch = this.#denials.epoch;
    this.#options.onBlocks();
    this.#save();
  }

  /** What is carried no longer is not to leave the file before the rows that deny it are on disk. */
  #leave(): void {
    const gone = this.#intoRows;
    if (gone.length === 0) return;
    this.#intoRows = [];
    const denials = gone.filter((denial) => !this.#denials.isCarried(denialKey(denial)));
    this.#leaving.add({ epoch: this.#epoch, denials, early: [] });
  }

  /** Without those that end first, where there is no room for all. */
  #fitting(denials: readonly Denial[]) {
    const others = denials.filter(({ op }) => op !== 'block');
    const held = this.#denials.carriedCount - this.#denials.carriedBlocks;
    const left = Math.max(0, others.length - Math.max(0, carriedMax - held));
    const longest = left === 0 ? others : others.toSorted(longestFirst).slice(0, -left);
    const blocks = denials.filter(({ op }) => op === 'block');
    return { fitting: [...blocks, ...longest], left };
  }

  #save(): void {
    // It may come in the middle of many that arrive: when others have become durable.
    this.#leave();
    const all = { ...this.#denials.carried(), early: this.#early };
    // The disk counts what it could not keep; there is nothing more to do about it here.
    void this.#options.save(this.#leaving.beside(all, (key) => this.#denials.isCarried(key)));
  }
}

/** Generations, which end with their epoch alone, before sessions. */
function longestFirst(a: Denial, b: Denial): number {
  const kinds = Number(b.op === 'generation') - Number(a.op === 'generation');
  return kinds || denialWeight(b) - denialWeight(a);
}

/** The rows of which the last op takes them back. */
function liftedIn(ops: readonly RevokeOp[]): ReadonlySet<string> {
  const lifted = new Set<string>();
  for (const op of ops) {
    if (isDenial(op)) lifted.delete(denialKey(op));
    else lifted.add(denialKey(op));
  }
  return lifted;
}

/** What cannot be read holds no denial; the frame is refused when its turn comes. */
function denialsIn(body: Uint8Array): readonly RevokeOp[] {
  const rows = admitRows('revoke', body);
  return rows.ok ? (rows.ops as readonly RevokeOp[]).filter(isDenial) : [];
}
