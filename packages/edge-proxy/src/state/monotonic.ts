/**
 * performance.now() counts from the start of its own thread; both it and hrtime read the same clock
 * of the machine, so the difference never changes.
 */
const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds of a clock that is never set and is the same in all threads of the process. */
export function monotonicMs(): number {
  return offsetMs + performance.now();
}
