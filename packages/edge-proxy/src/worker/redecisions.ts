import { mergeSubjects } from '../state/2-store/subjects.ts';
import type { ChangedSubjects } from '../state/current.ts';

/** What open exchanges are decided again for. */
export interface Concern {
  /** null: anyone's facts may have changed. */
  readonly subjects: ChangedSubjects | null;
}

/**
 * Lines up what open exchanges must be decided again for. One redecision runs at a time; changes
 * that come meanwhile are put together and make the next one.
 */
export class Redecisions {
  readonly #redecide: (change: Concern) => Promise<void>;
  readonly #onEnforced: (seq: number) => void;
  #waiting: { readonly seq: number | null; readonly change: Concern | null } | null = null;
  #running = false;

  /** `onEnforced` is told the highest number up to which all is enforced. */
  constructor(redecide: (change: Concern) => Promise<void>, onEnforced: (seq: number) => void) {
    this.#redecide = redecide;
    this.#onEnforced = onEnforced;
  }

  /**
   * State up to `seq` is applied; null: it is no state of a lane that has changed, and nobody is
   * told. `change` null: nothing that a decision looks at has changed.
   */
  add(seq: number | null, change: Concern | null): void {
    this.#waiting = {
      seq: seq ?? this.#waiting?.seq ?? null,
      change: mergeChanges(this.#waiting?.change ?? null, change),
    };
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting !== null) {
      const { seq, change } = this.#waiting;
      this.#waiting = null;
      if (change !== null) await this.#redecide(change);
      if (seq !== null) this.#onEnforced(seq);
    }
    this.#running = false;
  }
}

function mergeChanges(first: Concern | null, second: Concern | null): Concern | null {
  if (first === null || second === null) return first ?? second;
  return { subjects: mergeSubjects(first.subjects, second.subjects) };
}
