import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';

const entriesMax = 1_024;

/** When (monotonic) the newest commits of this process ended, by the revision they made. */
export class CommitTimes {
  readonly #times = new Map<Lane, { readonly position: Position; readonly atMs: number }[]>(
    lanes.map((lane) => [lane, []]),
  );

  note(lane: Lane, position: Position, atMs: number): void {
    const times = this.#times.get(lane) ?? [];
    times.push({ position, atMs });
    if (times.length > entriesMax) times.shift();
  }

  find(lane: Lane, { epoch, rev }: Position): number | null {
    const times = this.#times.get(lane) ?? [];
    const found = times.findLast(
      ({ position }) => position.epoch === epoch && position.rev === rev,
    );
    return found?.atMs ?? null;
  }
}
