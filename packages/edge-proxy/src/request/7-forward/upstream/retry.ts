/**
 * When a request that failed at its upstream may be tried again. Pure; the budget is a number that
 * its owner keeps.
 */

/** What one retry costs: a hundred requests at a budget of one percent earn it. */
const price = 100;
const savedMax = 10 * price;

/** To begin with: one retry, where there may be any. */
export function firstSavings(budgetPercent: number): number {
  return budgetPercent > 0 ? price : 0;
}

/** The savings after one more request. */
export function afterRequestOf(saved: number, budgetPercent: number): number {
  return Math.min(savedMax, saved + budgetPercent);
}

/** The savings after one more retry; null: too many requests have failed lately. */
export function afterRetry(saved: number): number | null {
  return saved < price ? null : saved - price;
}

export interface Failed {
  readonly method: string;
  /** It has a body, and some of that may be gone. */
  readonly bodyGone: boolean;
  readonly webSocket: boolean;
  /** Some of it may have reached the target. */
  readonly sent: boolean;
  /** The target has said that it did nothing with it. */
  readonly refused: boolean;
  /** The connection broke under it, and nothing worse. */
  readonly broke: boolean;
  /** A response has begun. */
  readonly answered: boolean;
  /** It has taken so long that its assertion may end before the next target has looked at it. */
  readonly late: boolean;
}

/**
 * Where it may be tried again: not at all, at another target, or, where there is no other, also at
 * the same one, which may only have closed a connection that had waited for too long.
 */
export function whereAgain(failed: Failed): 'nowhere' | 'elsewhere' | 'anywhere' {
  const { method, bodyGone, webSocket, sent, refused, broke, answered, late } = failed;
  if (bodyGone || answered || late) return 'nowhere';
  if (refused) return 'anywhere';
  if (!sent) return 'elsewhere';
  return broke && !webSocket && idempotent.has(method) ? 'anywhere' : 'nowhere';
}

/** RFC 9110, section 9.2.2; of the others it is not known whether they have been done. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
