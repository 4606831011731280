import type { Lane } from '@sallyport/shared/state/model';
import type { CarriedRows } from '../2-store/carried-rows.ts';
import type { LaneAges } from '../lane-ages.ts';
import type { LaneBoard } from './lane-board.ts';
import type { LaneDriver } from './lane-driver.ts';
import type { Upward } from './upward.ts';
import { carriedMessage, reportMessage } from './wire.ts';

export interface ReportsOptions {
  readonly drivers: Readonly<Record<Lane, LaneDriver>>;
  readonly board: LaneBoard;
  readonly ages: LaneAges;
  readonly carried: CarriedRows;
}

/** So many are adopted of one edge; it goes on enforcing all of them. */
const carriedMax = 10_000;

/** What the edge says of itself: how its lanes stand, and which blocks it carries. */
export class Reports {
  readonly #options: ReportsOptions;
  /** Whether the last list that was told was of none. */
  #toldNone = false;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /** Tells how the lane stands. */
  report(lane: Lane, up: Upward): void {
    const { drivers, board, ages } = this.#options;
    // Before the first heartbeat there is nothing to be said yet.
    if (!ages.isKnown(lane)) return;
    const { head, digestAgrees } = drivers[lane].state;
    const message = reportMessage({
      lane,
      position: head,
      digest: drivers[lane].digest(),
      digestAgrees,
      stalenessMs: ages.ageMs(lane),
      alarms: board.alarms(lane),
    });
    up.tell(`report:${lane}`, message);
  }

  /**
   * Tells which blocks are carried. That there are none is told once: after there were some, and
   * with `anew`, to a control plane that may have heard of some.
   */
  carried(up: Upward, anew: boolean): void {
    const { drivers, carried } = this.#options;
    const { head } = drivers.revoke.state;
    const blocks = carried.blocks(carriedMax);
    const none = blocks.length === 0;
    if (head === null || (none && this.#toldNone && !anew)) return;
    this.#toldNone = none;
    up.tell('carried', carriedMessage(head, blocks));
  }
}
