/** How long to wait before trying again. */

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Delay before attempt number `attempt` (0: the first retry), milliseconds: full jitter, that is
 * anything from 0 to a ceiling that doubles up to `maxMs`. `random` is in [0, 1), as of
 * Math.random, and an argument so that a test can say what it is.
 */
export function retryDelayMs(attempt: number, backoff: Backoff, random: number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt, 30));
  return Math.floor(random * ceiling);
}
