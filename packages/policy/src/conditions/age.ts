/** How far the clocks of those who tell an instant may differ. */
export const clockSkewMaxMs = 60_000;

/**
 * Whether something that happened at `atMs` is younger than `maxAgeMs`. What lies in the future, or
 * at no time at all, is of no age.
 */
export function isYounger(atMs: number, maxAgeMs: number, nowMs: number): boolean {
  const ageMs = nowMs - atMs;
  return ageMs >= -clockSkewMaxMs && ageMs < maxAgeMs;
}

/** The first instant after now at which `isYounger` may change; Number.MAX_SAFE_INTEGER: never. */
export function youthChangesAtMs(atMs: number, maxAgeMs: number, nowMs: number): number {
  return firstAfter(nowMs, [atMs - clockSkewMaxMs, atMs + maxAgeMs]);
}

/** The first of some instants that lies after now; Number.MAX_SAFE_INTEGER: none does. */
export function firstAfter(nowMs: number, instants: readonly number[]): number {
  let first = Number.MAX_SAFE_INTEGER;
  for (const atMs of instants) if (atMs > nowMs && atMs < first) first = atMs;
  return first;
}
