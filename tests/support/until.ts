import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  /** Default: 30 s. */
  readonly msMax?: number;
  /** Default: 20 ms. */
  readonly everyMs?: number;
}

/**
 * Asks again and again until the answer is not null, false or a failure; gives the answer and how
 * many milliseconds it took. Rejects after `msMax` with what was last seen.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | false> | T | null | false,
  { msMax = 30_000, everyMs = 20 }: UntilOptions = {},
): Promise<{ readonly value: T; readonly tookMs: number }> {
  const startedAt = performance.now();
  let last: unknown = 'not yet';
  for (;;) {
    try {
      const value = await look();
      if (value !== null && value !== false)
        return { value, tookMs: performance.now() - startedAt };
      last = 'not yet';
    } catch (error) {
      last = error;
    }
    if (performance.now() - startedAt > msMax) {
      throw new Error(`waited ${msMax / 1000} s until ${what}: ${String(last)}`, { cause: last });
    }
    await sleep(everyMs);
  }
}
