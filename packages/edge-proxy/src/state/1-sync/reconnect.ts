import { setTimeout as sleep } from 'node:timers/promises';
import { retryDelayMs } from '@sallyport/shared/retry';

const firstBackoffMs = 500;
/** Of calls and joins. */
const backoffMsMax = 30_000;

/** Full jitter: anything from nothing to the backoff of this attempt, the first being 0. */
export function reconnectDelayMs(
  attempt: number,
  random: () => number = Math.random,
  maxMs: number = backoffMsMax,
): number {
  return retryDelayMs(attempt, { firstMs: firstBackoffMs, maxMs }, random());
}

const firstBarredMs = 5_000;
const barredMsMax = 15_000;

/**
 * Of an edge that the control plane turns away. It may be let in again, and serves nobody until it
 * has heard of that.
 */
export function barredDelayMs(attempt: number, random: () => number = Math.random): number {
  const ceilingMs = Math.min(barredMsMax, firstBarredMs * 2 ** Math.min(attempt, 16));
  return (ceilingMs * (1 + random())) / 2;
}

/** Waits; ends early, without an error, when the signal is given. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
