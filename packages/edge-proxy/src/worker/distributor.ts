import type { ConfigOp, Lane, Position } from '@sallyport/shared/state/model';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import type { PathName } from '@sallyport/shared/sync/messages';
import {
  addSubjects,
  changedSubjects,
  createSubjectSets,
  type SubjectSets,
} from '../state/2-store/subjects.ts';
import type { ChangedSubjects } from '../state/current.ts';
import type { StateMessage } from './messages.ts';

/** One position on its way through the workers. */
export interface Delivery {
  readonly lane: Lane;
  readonly position: Position;
  /** When it came, of the monotonic clock. */
  readonly arrivedAtMs: number;
  /** By which way it came first. */
  readonly path: PathName;
  /** Not to be acknowledged, because it was refused in part. */
  readonly silent: boolean;
}

export type Stage = 'applied' | 'enforced';

interface Pending {
  readonly seq: number;
  readonly delivery: Delivery | null;
  applied: boolean;
}

interface Waiting {
  delivery: Delivery | null;
  readonly subjects: SubjectSets;
}

/**
 * Messages that some worker has not taken yet. Those of a row lane beyond it are put together: the
 * rows themselves are in the tables already, and the next message only gets more subjects.
 */
const inFlightMax = 8;

/**
 * Tells all workers what has changed, in one order, and notices when the last of them has taken and
 * enforced it.
 */
export class Distributor {
  readonly #post: (message: StateMessage) => void;
  readonly #onStage: (stage: Stage, delivery: Delivery) => void;
  readonly #appliedSeq: number[];
  readonly #enforcedSeq: number[];
  readonly #waiting = new Map<RowLane, Waiting>();
  #pending: Pending[] = [];
  #room: (() => void)[] = [];
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

  /**
   * Rows have changed in the tables; `subjects` null: anyone's facts. `delivery` null: rows beside
   * the lane's own, whose position stays. Never waits.
   */
  changed(lane: RowLane, delivery: Delivery | null, subjects: ChangedSubjects | null): void {
    const held = this.#waiting.get(lane);
    if (held === undefined && this.#hasRoom()) return this.#sendRows(lane, delivery, subjects);
    const waiting = held ?? { delivery: null, subjects: createSubjectSets() };
    waiting.delivery = delivery ?? waiting.delivery;
    addSubjects(waiting.subjects, subjects);
    this.#waiting.set(lane, waiting);
  }

  /** Sends ops of the configuration, `whole` if they take the place of all; resolves when sent. */
  async config(delivery: Delivery, ops: readonly ConfigOp[], whole: boolean): Promise<void> {
    while (!this.#hasRoom()) await new Promise<void>((resolve) => this.#room.push(resolve));
    const { position } = delivery;
    this.#post({ type: 'config', seq: this.#next(delivery), position, whole, ops });
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
    const last = new Map<Lane, Delivery>();
    for (const { delivery } of reached) {
      if (delivery !== null && !delivery.silent) last.set(delivery.lane, delivery);
    }
    for (const delivery of last.values()) this.#onStage(stage, delivery);
  }

  #sendRows(lane: RowLane, delivery: Delivery | null, subjects: ChangedSubjects | null): void {
    const position = delivery?.position ?? null;
    this.#post({ type: 'changed', seq: this.#next(delivery), lane, position, subjects });
  }

  #next(delivery: Delivery | null): number {
    this.#seq += 1;
    this.#pending.push({ delivery, seq: this.#seq, applied: false });
    return this.#seq;
  }

  /** `enforced` may lag: an exchange that is decided again can take long, a message does not. */
  #hasRoom(): boolean {
    const unapplied = this.#seq - Math.min(...this.#appliedSeq);
    return unapplied < inFlightMax && this.#pending.length < 4 * inFlightMax;
  }

  #release(): void {
    for (const [lane, { delivery, subjects }] of this.#waiting) {
      if (!this.#hasRoom()) return;
      this.#waiting.delete(lane);
      this.#sendRows(lane, delivery, changedSubjects(subjects));
    }
    for (const resolve of this.#room.splice(0)) resolve();
  }
}
