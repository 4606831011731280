import type { Block, LiftedBlock, Position, RevokeOp } from '../state/model.ts';
import { blockKey, type Denial, denialKey, denialsOf } from './denials.ts';
import { comparePositions } from './position.ts';

/**
 * The denials that an edge enforces beside the revoke lane's own rows, each for one or more reasons:
 * its frame is ahead of a gap, a replica broadcast it while the database was away, or an epoch began
 * without it. A row goes when its last reason does. Every method returns the ops that bring the
 * `carried` table to what it should hold; there, a generation of 0 takes the row away.
 */
export class CarriedDenials {
  readonly #rows = new Map<string, Row>();

  /** Denials of a frame that has not had its turn. */
  early(position: Position, ops: readonly RevokeOp[]): RevokeOp[] {
    return this.#hold(earlyReason(position), denialsOf(ops), position);
  }

  /** The lane's own rows hold everything up to this position. */
  reached(head: Position): RevokeOp[] {
    return this.#release((reason) => {
      return reason.position !== null && comparePositions(reason.position, head) <= 0;
    });
  }

  provisional(id: string, ops: readonly RevokeOp[]): RevokeOp[] {
    return this.#hold(`provisional\0${id}`, denialsOf(ops), null);
  }

  dropProvisional(id: string): RevokeOp[] {
    return this.#release((reason) => reason.name === `provisional\0${id}`);
  }

  /**
   * Blocks that a new epoch's rows lack. What had been enforced early under an older epoch is
   * carried on with them, for no frame of that epoch will come any more.
   */
  carry(blocks: readonly Block[], epoch: number): RevokeOp[] {
    const early = [...this.#rows.values()].flatMap(({ denial, reasons }) =>
      denial.op === 'block' && reasons.some((one) => (one.position?.epoch ?? epoch) < epoch)
        ? [denial]
        : [],
    );
    return this.#hold(carriedReason, [...blocks, ...early], null);
  }

  /** After every revision that the tables took: a lift ends a carried block, its arrival too. */
  applied(ops: readonly RevokeOp[]): RevokeOp[] {
    return ops.flatMap((op) => {
      if (op.op !== 'lifted_block' && op.op !== 'block') return [];
      const key = blockKey(op);
      return this.#release((reason, row) => reason.name === carriedReason && row === key);
    });
  }

  /** After a swap: what is carried and stands in the rows needs no carrying. */
  arrived(inState: (block: Block) => boolean): RevokeOp[] {
    const rows = new Set(
      this.carried()
        .filter(inState)
        .map((block) => blockKey(block)),
    );
    return this.#release((reason, row) => reason.name === carriedReason && rows.has(row));
  }

  /** Carried blocks whose time has passed are carried no longer. Wall time. */
  expire(wallMs: number): RevokeOp[] {
    return this.#release(({ name, denial }) => {
      if (name !== carriedReason || denial.op !== 'block') return false;
      return denial.expiresAtMs !== null && denial.expiresAtMs <= wallMs;
    });
  }

  /** The blocks that are carried: to be reported upward, and kept on disk. */
  carried(): Block[] {
    return [...this.#rows.values()].flatMap(({ denial, reasons }) =>
      denial.op === 'block' && reasons.some(({ name }) => name === carriedReason) ? [denial] : [],
    );
  }

  get rows(): number {
    return this.#rows.size;
  }

  #hold(name: string, denials: readonly Denial[], position: Position | null): RevokeOp[] {
    return denials.flatMap((denial) => {
      const key = denialKey(denial);
      const row = this.#rows.get(key);
      const held = row?.reasons ?? [];
      const reasons = [
        ...held.filter((reason) => reason.name !== name),
        { name, position, denial },
      ];
      this.#rows.set(key, { denial: strictest(reasons), reasons });
      return this.#changed(row?.denial ?? null, key);
    });
  }

  #release(gone: (reason: Reason, key: string) => boolean): RevokeOp[] {
    const ops: RevokeOp[] = [];
    for (const [key, row] of this.#rows) {
      const reasons = row.reasons.filter((reason) => !gone(reason, key));
      if (reasons.length === row.reasons.length) continue;
      if (reasons.length === 0) this.#rows.delete(key);
      else this.#rows.set(key, { denial: strictest(reasons), reasons });
      ops.push(...this.#changed(row.denial, key));
    }
    return ops;
  }

  #changed(before: Denial | null, key: string): RevokeOp[] {
    const after = this.#rows.get(key)?.denial ?? null;
    if (after !== null) return sameDenial(before, after) ? [] : [after];
    return before === null ? [] : [removal(before)];
  }
}

interface Row {
  /** What the table holds: the strictest of the reasons' denials. */
  readonly denial: Denial;
  readonly reasons: readonly Reason[];
}

interface Reason {
  readonly name: string;
  /** Of a frame that has not had its turn. */
  readonly position: Position | null;
  readonly denial: Denial;
}

const carriedReason = 'carried';

function earlyReason({ epoch, rev }: Position): string {
  return `early\0${epoch}\0${rev}`;
}

/** The highest generation; the block or ended session that lasts longest. */
function strictest(reasons: readonly Reason[]): Denial {
  const [first, ...others] = reasons;
  if (first === undefined) throw new Error('a row without a reason');
  return others.reduce(
    (best, { denial }) => (weight(denial) > weight(best) ? denial : best),
    first.denial,
  );
}

function weight(denial: Denial): number {
  switch (denial.op) {
    case 'generation':
      return denial.value;
    case 'ended_session':
      return denial.expiresAtMs;
    case 'block':
      return denial.expiresAtMs ?? Number.POSITIVE_INFINITY;
  }
}

function sameDenial(a: Denial | null, b: Denial): boolean {
  return a !== null && a.op === b.op && weight(a) === weight(b);
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

function liftOf({ revocationId, kind, subjectId }: Block): LiftedBlock {
  return { op: 'lifted_block', revocationId, kind, subjectId };
}
