import type { Block, LiftedBlock, Position, RevokeOp } from '../state/model.ts';
import { type Denial, denialKey, denialsOf, denialWeight, isDenial } from './denials.ts';
import { comparePositions } from './position.ts';

/**
 * The denials that an edge enforces beside the revoke lane's own rows, each for one or more reasons:
 * its frame is ahead of a gap, a replica broadcast it while the database was away, or a whole state
 * came without it. A row goes when its last reason does. Every method returns the ops that bring the
 * `carried` table to what it should hold; there, a generation of 0 takes the row away.
 */
export class CarriedDenials {
  readonly #rows = new Map<string, Row>();
  /** Those of the rows that are carried, with what is carried of them. */
  readonly #carried = new Map<string, Denial>();
  #carriedBlocks = 0;
  readonly #onGone: (denial: Denial) => void;
  /** Frames that have not had their turn, by the name of their reason. */
  readonly #early = new Map<string, EarlyRows>();
  #carriedChanges = 0;
  /** At whose end carried generations and ended sessions are given up. */
  #epoch = 0;
  /** Since when (monotonic) carried denials have been seen long past their end, by row. */
  readonly #longEnded = new Map<string, number>();
  /** Where `expire` goes on looking; null: at the first. */
  #expiring: MapIterator<[string, Denial]> | null = null;
  /** The rows of provisional denials, by id. */
  readonly #provisionals = new Map<string, readonly string[]>();

  /** `onGone`: this is carried no longer. */
  constructor(onGone: (denial: Denial) => void = () => undefined) {
    this.#onGone = onGone;
  }

  /** Denials of a frame that has not had its turn. */
  early(position: Position, ops: readonly RevokeOp[]): RevokeOp[] {
    const name = earlyReason(position);
    const denials = denialsOf(ops);
    if (denials.length === 0) return [];
    const { epoch, rev } = position;
    const rows = this.#early.get(name)?.rows ?? new Set<string>();
    for (const denial of denials) rows.add(denialKey(denial));
    // Of two frames for one position, the other one's may have been carried on by now; these are not.
    this.#early.set(name, { position: { epoch, rev }, rows, carried: false });
    return this.#hold(name, denials, { epoch, rev });
  }

  /**
   * The lane's own rows hold everything up to this position of its epoch. Of earlier epochs no frame
   * will come any more: their blocks are carried on. With `carry` the rows may be of another history
   * than the early frames: all denials of this epoch's are carried on, until they arrive.
   */
  reached(head: Position, carry: boolean): RevokeOp[] {
    const carried = this.carry(carry ? this.#earlyUpTo(head) : [], head.epoch);
    const had = [...this.#early].filter(
      ([, { position }]) => comparePositions(position, head) <= 0,
    );
    for (const [name] of had) this.#early.delete(name);
    const rows = new Set(had.flatMap(([, one]) => [...one.rows]));
    const released = this.#release(({ position }) => {
      return position !== null && comparePositions(position, head) <= 0;
    }, rows);
    return [...carried, ...released];
  }

  provisional(id: string, ops: readonly RevokeOp[]): RevokeOp[] {
    const denials = denialsOf(ops);
    this.#provisionals.set(id, denials.map(denialKey));
    return this.#hold(`provisional\0${id}`, denials, null);
  }

  dropProvisional(id: string): RevokeOp[] {
    const rows = this.#provisionals.get(id) ?? [];
    this.#provisionals.delete(id);
    return this.#release((reason) => reason.name === `provisional\0${id}`, rows);
  }

  /**
   * Denials that the rows of a new state lack; `epoch` is that state's. What had been enforced early
   * under an older epoch is carried on with them, for no frame of that epoch will come any more.
   * Generations and ended sessions are carried until the epoch ends: then everybody signs in again.
   */
  carry(denials: readonly Denial[], epoch: number): RevokeOp[] {
    const old = [...this.#early].filter(([, one]) => !one.carried && one.position.epoch < epoch);
    // Once: those that have arrived meanwhile are not carried again.
    for (const [name, one] of old) this.#early.set(name, { ...one, carried: true });
    const early = old
      .map(([, one]) => one)
      .flatMap(({ rows }) => [...rows])
      .flatMap((key) => this.#rows.get(key)?.denial ?? [])
      .filter(isBlock);
    const others = denials.filter((denial) => !isBlock(denial));
    if (others.length > 0) this.#epoch = epoch;
    return [
      ...this.#hold(carriedReason, [...denials.filter(isBlock), ...early], null),
      ...this.#hold(carriedReason, others, { epoch, rev: Number.POSITIVE_INFINITY }),
    ];
  }

  /**
   * After every revision that the tables took: what it takes back ends what is carried, and so does
   * its arrival. The row must be the same, and one that arrives must weigh as much.
   */
  applied(ops: readonly RevokeOp[]): RevokeOp[] {
    return ops.flatMap((op) => {
      const covers = isDenial(op) ? denialWeight(op) : Number.POSITIVE_INFINITY;
      return this.#release(
        (reason) => reason.name === carriedReason && denialWeight(reason.denial) <= covers,
        [denialKey(op)],
      );
    });
  }

  /**
   * After a swap: what is carried and stands in the rows needs no carrying, and what ends with an
   * epoch before theirs neither. `inState` says whether the rows have the denial, as strict; `among`:
   * no others are looked at.
   */
  arrived(
    inState: (denial: Denial) => boolean,
    epoch: number,
    among: Iterable<string> = this.#carried.keys(),
  ): RevokeOp[] {
    return this.#release(({ name, position, denial }) => {
      return name === carriedReason && ((position?.epoch ?? epoch) < epoch || inState(denial));
    }, among);
  }

  /**
   * Gives up what is carried and ended long ago: a day by the wall clock, and a day after that was
   * first seen by the monotonic one, in one piece. Before, who reads it counts it for nothing, as
   * rows; a wall clock that jumps ahead and comes back has lifted none. Of many it looks at some each
   * time, in their order.
   */
  expire(wallMs: number, nowMs: number): RevokeOp[] {
    const gone: string[] = [];
    this.#expiring ??= this.#carried.entries();
    for (let looked = 0; looked < looksMax; looked += 1) {
      const next = this.#expiring.next();
      if (next.done === true) {
        this.#expiring = null;
        break;
      }
      const [key, denial] = next.value;
      const ended = denial.op !== 'generation' && denialWeight(denial) + keptMs <= wallMs;
      const sinceMs = this.#longEnded.get(key) ?? nowMs;
      if (!ended) this.#longEnded.delete(key);
      else if (nowMs - sinceMs >= keptMs) gone.push(key);
      else this.#longEnded.set(key, sinceMs);
    }
    return this.#release(({ name }) => name === carriedReason, gone);
  }

  /** All that is carried: to be kept on disk. */
  carried(): Carried {
    return { epoch: this.#epoch, denials: [...this.#carried.values()] };
  }

  /** The rows of all that is carried. */
  carriedKeys(): string[] {
    return [...this.#carried.keys()];
  }

  isCarried(key: string): boolean {
    return this.#carried.has(key);
  }

  /** The blocks among it: to be reported upward; so many at the most, of those that are `wanted`. */
  blocks(
    blocksMax: number = Number.POSITIVE_INFINITY,
    wanted: (block: Block) => boolean = () => true,
  ): Block[] {
    const blocks: Block[] = [];
    if (this.#carriedBlocks === 0) return blocks;
    for (const denial of this.#carried.values()) {
      if (blocks.length >= blocksMax) break;
      if (isBlock(denial) && wanted(denial)) blocks.push(denial);
    }
    return blocks;
  }

  /** At whose end carried generations and ended sessions are given up. */
  get epoch(): number {
    return this.#epoch;
  }

  get carriedCount(): number {
    return this.#carried.size;
  }

  /** How many blocks are carried, also of those that have ended. */
  get carriedBlocks(): number {
    return this.#carriedBlocks;
  }

  /** Rises whenever something begins or ends to be carried, or is carried for longer. */
  get carriedChanges(): number {
    return this.#carriedChanges;
  }

  get rows(): number {
    return this.#rows.size;
  }

  /** Denials of this epoch's frames up to there. */
  #earlyUpTo({ epoch, rev }: Position): Denial[] {
    return [...this.#early]
      .filter(([, { position }]) => position.epoch === epoch && position.rev <= rev)
      .flatMap(([name, { rows }]) =>
        [...rows].flatMap((key) => {
          const reasons = this.#rows.get(key)?.reasons ?? [];
          return reasons.filter((reason) => reason.name === name).map(({ denial }) => denial);
        }),
      );
  }

  #hold(name: string, denials: readonly Denial[], position: Position | null): RevokeOp[] {
    return denials.flatMap((denial) => {
      const key = denialKey(denial);
      const row = this.#rows.get(key);
      const held = row?.reasons ?? [];
      const same = held.filter((reason) => reason.name === name);
      const others = held.filter((reason) => reason.name !== name);
      const kept = strictest([{ name, position, denial }, ...same]);
      const reasons = [...others, { name, position, denial: kept }];
      const news = !same.some((reason) => sameDenial(reason.denial, kept));
      if (name === carriedReason && news) {
        this.#carriedChanges += 1;
        if (isBlock(kept) && !this.#carried.has(key)) this.#carriedBlocks += 1;
        this.#carried.set(key, kept);
      }
      this.#rows.set(key, { denial: strictest(reasons), reasons });
      return this.#changed(row?.denial ?? null, key);
    });
  }

  #release(gone: (reason: Reason) => boolean, among: Iterable<string>): RevokeOp[] {
    const ops: RevokeOp[] = [];
    for (const key of among) {
      const row = this.#rows.get(key);
      const reasons = row?.reasons.filter((reason) => !gone(reason)) ?? [];
      if (row === undefined || reasons.length === row.reasons.length) continue;
      const carried = row.reasons.find(
        (one) => one.name === carriedReason && !reasons.includes(one),
      );
      if (carried !== undefined) this.#carriedGone(key, carried.denial);
      if (reasons.length === 0) this.#rows.delete(key);
      else this.#rows.set(key, { denial: strictest(reasons), reasons });
      ops.push(...this.#changed(row.denial, key));
    }
    return ops;
  }

  #carriedGone(key: string, denial: Denial): void {
    this.#carriedChanges += 1;
    this.#carried.delete(key);
    if (isBlock(denial)) this.#carriedBlocks -= 1;
    this.#longEnded.delete(key);
    this.#onGone(denial);
  }

  #changed(before: Denial | null, key: string): RevokeOp[] {
    const after = this.#rows.get(key)?.denial ?? null;
    if (after !== null) return sameDenial(before, after) ? [] : [after];
    return before === null ? [] : [removal(before)];
  }
}

/** What is carried beside the rows. */
export interface Carried {
  /** Generations and ended sessions are carried until this epoch ends. */
  readonly epoch: number;
  readonly denials: readonly Denial[];
}

interface Row {
  /** What the table holds: the strictest of the reasons' denials. */
  readonly denial: Denial;
  readonly reasons: readonly Reason[];
}

interface EarlyRows {
  readonly position: Position;
  readonly rows: Set<string>;
  /** Its epoch is over, and its blocks are carried on. */
  readonly carried: boolean;
}

interface Reason {
  readonly name: string;
  /** Of a frame that has not had its turn, or the end of an epoch; null: it does not end so. */
  readonly position: Position | null;
  readonly denial: Denial;
}

const carriedReason = 'carried';
/** How long something carried is kept after its end, by both clocks. */
const keptMs = 86_400_000;
/** So many are looked at in one go; the machine ticks a few times a second. */
const looksMax = 2_000;

function earlyReason({ epoch, rev }: Position): string {
  return `early\0${epoch}\0${rev}`;
}

/** The highest generation; the block or ended session that lasts longest. */
function strictest(reasons: readonly Reason[]): Denial {
  const [first, ...others] = reasons;
  if (first === undefined) throw new Error('a row without a reason');
  return others.reduce(
    (best, { denial }) => (denialWeight(denial) > denialWeight(best) ? denial : best),
    first.denial,
  );
}

function sameDenial(a: Denial | null, b: Denial): boolean {
  return a !== null && a.op === b.op && denialWeight(a) === denialWeight(b);
}

function removal(denial: Denial): RevokeOp {
  switch (denial.op) {
    case 'generation':
      return { ...denial, value: 0 };
    case 'ended_session':
      return { op: 'forgotten_session', sid: denial.sid };
    case 'block':
      return liftOf(denial);
  }
}

function isBlock(denial: Denial): denial is Block {
  return denial.op === 'block';
}

function liftOf({ revocationId, kind, subjectId }: Block): LiftedBlock {
  return { op: 'lifted_block', revocationId, kind, subjectId };
}
