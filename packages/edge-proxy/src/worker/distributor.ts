import type { Lane, Position, StateOp } from '@sallyport/shared/state/model';
import type { StateMessage } from './messages.ts';

/** One position on its way through the workers. */
export interface Delivery {
  readonly lane: Lane;
  readonly position: Position;
  /** When it came from the control plane; performance.now(). */
  readonly arrivedAtMs: number;
  /** Not to be acknowledged, because it was refused in part. */
  readonly silent: boolean;
}

export type Stage = 'applied' | 'enforced';

interface Pending extends Delivery {
  readonly seq: number;
  /** The last message of its position. */
  readonly final: boolean;
  readonly ops: number;
  applied: boolean;
}

/** Ops in one message at the most, so that no worker stalls for long over one. */
export const opsPerMessageMax = 1_000;
/**
 * Ops of the bulk lanes that workers have not applied yet: a worker takes all messages that have
 * come before it looks at its sockets, and a revocation stands behind them.
 */
const bulkInFlightMax = 2_000;
const revokeInFlightMax = 100_000;
const pendingMax = 4_096;

/**
 * Hands state to all workers in one order and notices when the last of them has applied and
 * enforced it. The bulk lanes wait for room, so that a revocation never stands in a long line.
 */
export class Distributor {
  readonly #post: (message: StateMessage) => void;
  readonly #onStage: (stage: Stage, delivery: Delivery) => void;
  readonly #appliedSeq: number[];
  readonly #enforcedSeq: number[];
  #pending: Pending[] = [];
  #waiting: (() => void)[] = [];
  #seq = 0;

  /** `post` sends one message to every worker. */
  constructor(
    workers: number,
    post: (message: StateMessage) => void,
    onStage: (stage: Stage, delivery: Delivery) => void,
  ) {
    this.#post = post;
    this.#onStage = onStage;
    this.#appliedSeq = Array.from({ length: workers }, () => 0);
    this.#enforcedSeq = Array.from({ length: workers }, () => 0);
  }

  /** Sends one frame; resolves when it is on its way. */
  async frame(delivery: Delivery, ops: readonly StateOp[]): Promise<void> {
    await this.#room(delivery.lane);
    const { lane, position } = delivery;
    const seq = this.#next(delivery, true, ops.length);
    this.#post({ type: 'frame', seq, lane, position, ops });
  }

  /**
   * Sends a whole state in slices, as `bodies` yields them; resolves when the last is on its way.
   * If `bodies` throws, the workers forget the slices they have.
   */
  async state(delivery: Delivery, bodies: Iterable<readonly StateOp[]>): Promise<void> {
    const { lane, position } = delivery;
    let first = true;
    const slice = async (ops: readonly StateOp[], last: boolean): Promise<void> => {
      await this.#room(lane);
      const seq = this.#next(delivery, last, ops.length);
      this.#post({ type: 'rows', seq, lane, position, first, last, ops });
      first = false;
    };
    for (const ops of bodies) {
      for (let start = 0; start < ops.length; start += opsPerMessageMax) {
        await slice(ops.slice(start, start + opsPerMessageMax), false);
      }
    }
    await slice([], true);
  }

  onApplied(worker: number, seq: number): void {
    this.#appliedSeq[worker] = seq;
    const upTo = Math.min(...this.#appliedSeq);
    const reached = this.#pending.filter((entry) => entry.seq <= upTo && !entry.applied);
    for (const entry of reached) entry.applied = true;
    this.#report('applied', reached);
    this.#release();
  }

  onEnforced(worker: number, seq: number): void {
    this.#enforcedSeq[worker] = seq;
    const upTo = Math.min(...this.#enforcedSeq);
    const reached = this.#pending.filter((entry) => entry.seq <= upTo);
    this.#pending = this.#pending.filter((entry) => entry.seq > upTo);
    this.#report('enforced', reached);
    this.#release();
  }

  /** Acknowledgements are cumulative: of several positions of a lane only the last is reported. */
  #report(stage: Stage, reached: readonly Pending[]): void {
    const last = new Map<Lane, Pending>();
    for (const entry of reached) if (entry.final && !entry.silent) last.set(entry.lane, entry);
    for (const entry of last.values()) this.#onStage(stage, entry);
  }

  #next(delivery: Delivery, final: boolean, ops: number): number {
    this.#seq += 1;
    this.#pending.push({ ...delivery, seq: this.#seq, final, ops, applied: false });
    return this.#seq;
  }

  async #room(lane: Lane): Promise<void> {
    while (!this.#hasRoom(lane)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #hasRoom(lane: Lane): boolean {
    if (this.#pending.length >= pendingMax) return false;
    const inFlight = this.#pending
      .filter((entry) => !entry.applied && (entry.lane === 'revoke') === (lane === 'revoke'))
      .reduce((sum, { ops }) => sum + Math.max(1, ops), 0);
    return inFlight < (lane === 'revoke' ? revokeInFlightMax : bulkInFlightMax);
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
