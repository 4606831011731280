import type { Lane, Position } from '@sallyport/shared/state/model';
import type { HeartbeatMessage } from '@sallyport/shared/sync/messages';
import type { ReplicaRow } from '../store/replicas.ts';
import type { Monotonic } from './1-log/follow.ts';
import { reaches } from './position.ts';

/** The other replicas of the control plane, by their rows in the database and their heartbeats. */
export class OtherReplicas {
  readonly #own: string;
  readonly #monotonic: Monotonic;
  readonly #replicas = new Map<string, Known>();

  constructor(own: string, monotonic: Monotonic) {
    this.#own = own;
    this.#monotonic = monotonic;
  }

  saw(rows: readonly ReplicaRow[]): void {
    for (const { name, heads } of rows) {
      this.#note(name, new Map(Object.entries(heads) as [Lane, Position][]));
    }
  }

  /** A heartbeat whose signature holds. */
  heard({ replica, heads }: HeartbeatMessage): void {
    const known = heads.flatMap(({ lane, head }): [Lane, Position][] =>
      typeof lane === 'number' ? [] : [[lane, head]],
    );
    this.#note(replica, new Map(known));
  }

  /** Whether one that was there a moment ago has read as far as this. */
  has(lane: Lane, position: Position): boolean {
    const freshMs = this.#monotonic() - freshMsMax;
    return [...this.#replicas.values()].some(({ heads, atMs }) => {
      const head = heads.get(lane);
      return atMs >= freshMs && head !== undefined && reaches(head, position);
    });
  }

  #note(name: string, heads: ReadonlyMap<Lane, Position>): void {
    if (name === this.#own) return;
    this.#replicas.delete(name);
    this.#replicas.set(name, { heads, atMs: this.#monotonic() });
    const [oldest] = this.#replicas.keys();
    if (this.#replicas.size > replicasMax && oldest !== undefined) this.#replicas.delete(oldest);
  }
}

interface Known {
  readonly heads: ReadonlyMap<Lane, Position>;
  readonly atMs: number;
}

/** Without a word for so long, it may be gone. */
const freshMsMax = 5_000;
const replicasMax = 64;
