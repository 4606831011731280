import type { Lane, Position } from '@sallyport/shared/state/model';
import { countAlarm } from '@sallyport/shared/sync/alarm-counts';
import type { PathName } from '@sallyport/shared/sync/messages';
import type { Delivery } from '../../worker/distributor.ts';
import { eachLane, lanes } from '../lanes.ts';

/** How far a lane has come in this process. */
export interface LaneStanding {
  /** What the tables hold. */
  readonly taken: Position | null;
  readonly applied: Delivery | null;
  readonly enforced: Delivery | null;
  /** By which way the last revision came first. */
  readonly path: PathName | null;
}

/** What has happened to a lane since the process began, by name. */
export type LaneCounts = Readonly<Record<string, number>>;

/** The standing of every lane; the one place that streams, reports and metrics look at. */
export class LaneBoard {
  readonly #standing: Record<Lane, LaneStanding> = eachLane(() => ({
    taken: null,
    applied: null,
    enforced: null,
    path: null,
  }));
  readonly #alarms: Record<Lane, Map<string, number>> = eachLane(() => new Map());
  readonly #firsts: Record<Lane, Map<PathName, number>> = eachLane(() => new Map());

  get(lane: Lane): LaneStanding {
    return this.#standing[lane];
  }

  all(): readonly (readonly [Lane, LaneStanding])[] {
    return lanes.map((lane) => [lane, this.#standing[lane]] as const);
  }

  set(lane: Lane, change: Partial<LaneStanding>): void {
    this.#standing[lane] = { ...this.#standing[lane], ...change };
  }

  /** The rows are those of this position now. */
  moved(lane: Lane, position: Position, path: PathName): void {
    this.set(lane, { taken: position, path });
    const firsts = this.#firsts[lane];
    firsts.set(path, (firsts.get(path) ?? 0) + 1);
  }

  /** Counts something that an operator should know of. */
  alarm(lane: Lane, name: string): void {
    countAlarm(this.#alarms[lane], name);
  }

  alarms(lane: Lane): LaneCounts {
    return Object.fromEntries(this.#alarms[lane]);
  }

  /** Revisions and whole states by the way that brought them first. */
  firsts(lane: Lane): LaneCounts {
    return Object.fromEntries(this.#firsts[lane]);
  }
}
