import type { Position } from '@sallyport/shared/state/model';
import type { PathName } from '@sallyport/shared/sync/messages';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { EdgeLaneStatus } from '../ports.ts';
import { isAhead, reaches } from './position.ts';
import { Refusals } from './refusals.ts';

interface Enforcement {
  readonly position: Position;
  readonly atMs: number;
  readonly path: PathName | null;
}

/** What an edge said of a position that this replica has not read yet. */
export interface EarlyAck extends Enforcement {
  readonly stage: 'applied' | 'enforced';
}

/** What an edge said of how a lane stands there. */
export interface LaneReport {
  readonly position: Position | null;
  /** null: it does not know. */
  readonly stalenessMs: number | null;
  readonly digestAgrees: boolean | null;
  readonly alarms: Readonly<Record<string, number>>;
}

/** Acknowledgements that are remembered: a receipt names the one that covered its revision. */
const trailMax = 64;

/** One lane of one edge, as its streams to this process tell. */
export class EdgeLane {
  streams = 0;
  applied: Position | null = null;
  enforced: Position | null = null;
  /** Until an acknowledgement covers its position. */
  nack: { readonly position: Position; readonly code: string; readonly detail: string } | null =
    null;
  held = false;
  #report: { readonly said: LaneReport; readonly atMs: number } | null = null;
  early: EarlyAck | null = null;
  readonly refused = new Refusals();
  /** It was logged that the edge is ahead. */
  saidAhead = false;
  /** Oldest first. */
  #trail: Enforcement[] = [];

  /** `atMs` is on the monotonic clock. */
  enforce(position: Position, atMs: number, path: PathName | null): void {
    this.enforced = later(this.enforced, position);
    // Said again, or by another way: the first one counts.
    if (this.enforcementOf(position) !== null) return;
    this.#trail.push({ position, atMs, path });
    if (this.#trail.length > trailMax) this.#trail.shift();
  }

  apply(position: Position): void {
    this.applied = later(this.applied, position);
  }

  /** What was refused is in force since, or something later in its place. */
  clearNack(position: Position): void {
    if (this.nack !== null && comparePositions(position, this.nack.position) >= 0) this.nack = null;
  }

  /** The first acknowledgement that is remembered to cover the position. */
  enforcementOf(position: Position): Enforcement | null {
    let first: Enforcement | null = null;
    // From the newest: who asks waits for one of the last, and there may be a thousand edges.
    for (let at = this.#trail.length - 1; at >= 0; at -= 1) {
      const entry = this.#trail[at];
      if (entry?.position.epoch !== position.epoch) continue;
      if (entry.position.rev < position.rev) break;
      first = entry;
    }
    return first;
  }

  /** `atMs` is on the monotonic clock. */
  take(said: LaneReport, atMs: number): void {
    this.#report = { said, atMs };
  }

  /** What the edge noticed on this lane since its process began, by name. */
  get alarms(): Readonly<Record<string, number>> {
    return this.#report?.said.alarms ?? {};
  }

  /** The lane begins again at `head`: what was acknowledged beyond it is void. */
  reset(head: Position): void {
    this.early = null;
    this.#trail = this.#trail.filter(({ position }) => !isAhead(position, head));
    if (this.applied !== null && isAhead(this.applied, head)) this.applied = null;
    if (this.enforced !== null && isAhead(this.enforced, head)) this.enforced = null;
  }

  /** At this instant of the monotonic clock. */
  status(nowMs: number): EdgeLaneStatus {
    const { applied, enforced, nack, held, alarms } = this;
    const { said, atMs } = this.#report ?? { said: null, atMs: nowMs };
    const stalenessMs = said?.stalenessMs ?? null;
    return {
      here: this.streams > 0,
      applied,
      enforced,
      nack: nack && { code: nack.code, detail: nack.detail },
      held,
      path: this.#trail.at(-1)?.path ?? null,
      stalenessMs: stalenessMs === null ? null : Math.round(stalenessMs + nowMs - atMs),
      digestAgrees: said?.digestAgrees ?? null,
      alarms,
    };
  }
}

function later(known: Position | null, said: Position): Position {
  return known !== null && reaches(known, said) ? known : said;
}
