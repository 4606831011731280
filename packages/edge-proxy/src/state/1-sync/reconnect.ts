import { setTimeout as sleep } from 'node:timers/promises';

const firstBackoffMs = 500;
const backoffMsMax = 30_000;

/** Full jitter: anything from nothing to the backoff of this attempt, the first being 0. */
export function reconnectDelayMs(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(backoffMsMax, firstBackoffMs * 2 ** Math.min(attempt, 16));
}

/** Waits; ends early, without an error, when the signal is given. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
