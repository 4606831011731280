import type { Position } from '@sallyport/shared/state/model';
import { type StoredLane, storedLanes } from '../2-store/lane-store.ts';

/** How far a lane has come in this process. */
export interface LaneStanding {
  /** Sent to the workers; what Hello says that we have. */
  readonly taken: Position | null;
  readonly applied: Position | null;
  readonly enforced: Position | null;
  /** The next Hello asks for the whole state. */
  readonly fresh: boolean;
  /** performance.now() of the last instant at which the lane was known to be complete. */
  readonly completeAtMs: number | null;
}

/** The standing of every lane; the one place that streams, metrics and readiness look at. */
export class LaneBoard {
  readonly #lanes: Record<StoredLane, LaneStanding>;

  constructor() {
    const nothing: LaneStanding = {
      taken: null,
      applied: null,
      enforced: null,
      fresh: false,
      completeAtMs: null,
    };
    this.#lanes = { revoke: nothing, config: nothing, directory: nothing };
  }

  get(lane: StoredLane): LaneStanding {
    return this.#lanes[lane];
  }

  all(): readonly (readonly [StoredLane, LaneStanding])[] {
    return storedLanes.map((lane) => [lane, this.#lanes[lane]] as const);
  }

  set(lane: StoredLane, change: Partial<LaneStanding>): void {
    this.#lanes[lane] = { ...this.#lanes[lane], ...change };
  }

  /** Seconds since the lane was last known to be complete; null: it never was. */
  stalenessSeconds(lane: StoredLane, nowMs: number): number | null {
    const { completeAtMs } = this.#lanes[lane];
    return completeAtMs === null ? null : Math.max(0, nowMs - completeAtMs) / 1000;
  }
}
