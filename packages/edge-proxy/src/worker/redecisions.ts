import { mergeSubjects } from '../state/2-store/subjects.ts';
import type { StateChange } from '../state/current.ts';

/**
 * Lines up what open exchanges must be decided again for. One redecision runs at a time; changes
 * that come meanwhile are put together and make the next one.
 */
export class Redecisions {
  readonly #redecide: (change: StateChange) => Promise<void>;
  readonly #onEnforced: (seq: number) => void;
  #waiting: { readonly seq: number; readonly change: StateChange | null } | null = null;
  #running = false;

  /** `onEnforced` is told the highest number up to which all is enforced. */
  constructor(redecide: (change: StateChange) => Promise<void>, onEnforced: (seq: number) => void) {
    this.#redecide = redecide;
    this.#onEnforced = onEnforced;
  }

  /** State up to `seq` is applied; null: nothing that a decision looks at has changed. */
  add(seq: number, change: StateChange | null): void {
    this.#waiting = { seq, change: mergeChanges(this.#waiting?.change ?? null, change) };
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting !== null) {
      const { seq, change } = this.#waiting;
      this.#waiting = null;
      if (change !== null) await this.#redecide(change);
      this.#onEnforced(seq);
    }
    this.#running = false;
  }
}

function mergeChanges(first: StateChange | null, second: StateChange | null): StateChange | null {
  if (first === null || second === null) return first ?? second;
  return {
    lane: second.lane,
    position: second.position,
    bundleChanged: first.bundleChanged || second.bundleChanged,
    subjects: mergeSubjects(first.subjects, second.subjects),
  };
}
