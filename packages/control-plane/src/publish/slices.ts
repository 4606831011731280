import { setImmediate } from 'node:timers/promises';

/** Cuts long work into slices, so that nothing else of this process waits long for it. */
export interface Slices {
  /** Resolves at once within a slice, else after everybody else had a turn. */
  turn(): Promise<void> | undefined;
}

/** A slice ends at the first `turn` after so long. */
const sliceMs = 3;

export function createSlices(monotonic: () => number): Slices {
  let startedAtMs = monotonic();
  return {
    turn() {
      if (monotonic() - startedAtMs < sliceMs) return undefined;
      return setImmediate().then(() => {
        startedAtMs = monotonic();
      });
    },
  };
}
