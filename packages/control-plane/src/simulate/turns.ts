import { setImmediate } from 'node:timers/promises';

const sliceMs = 10;

/** Long work in slices: await the function now and then, and other work has its turn when it is due. */
export function takeTurns(): () => Promise<void> {
  let sinceMs = performance.now();
  return async () => {
    if (performance.now() - sinceMs < sliceMs) return;
    await setImmediate();
    sinceMs = performance.now();
  };
}
