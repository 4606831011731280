import { setImmediate } from 'node:timers/promises';
import { monotonicMs } from '../monotonic.ts';

/** So long the main thread does nothing else; what ends it may take as long again. */
const sliceMs = 2.5;

/** Cuts long work into slices: to be awaited after each small piece of it. */
export type Turn = () => Promise<void> | undefined;

/** Starts a slice. Where it has lasted, everybody else has a turn before the next. */
export function startTurns(): Turn {
  let endsAtMs = monotonicMs() + sliceMs;
  return () => {
    if (monotonicMs() < endsAtMs) return undefined;
    return setImmediate().then(() => {
      endsAtMs = monotonicMs() + sliceMs;
    });
  };
}
