import type { UpstreamConfig } from '../../../state/current.ts';

/**
 * Targets that fail requests are left out for a while. When that is over, one request tries: what
 * comes of it settles whether the target is back or out again, for longer. Pure: time comes in.
 */

type Limits = UpstreamConfig['ejection'];

/** How one target stands. */
export interface Standing {
  /** Failures in a row. */
  readonly failures: number;
  /** null: it gets its share. */
  readonly out: { readonly sinceMs: number; readonly forMs: number } | null;
  /** How many times it was left out one soon after the other. */
  readonly times: number;
  /** When it came back last. */
  readonly backAtMs: number;
}

export const sound: Standing = { failures: 0, out: null, times: 0, backAtMs: 0 };

/** The longest time out, as a multiple of the first. */
export const timesMax = 10;

/** `half_open`: one request may try it. */
export type Phase = 'in' | 'out' | 'half_open';

export function phaseOf({ out }: Standing, nowMs: number): Phase {
  if (out === null) return 'in';
  const elapsedMs = nowMs - out.sinceMs;
  // A clock that was set back must not keep it out.
  return elapsedMs >= out.forMs || elapsedMs < 0 ? 'half_open' : 'out';
}

/** What came of a request; `given_up`: nobody waited for it. */
export type Result = 'ok' | 'failed' | 'given_up';

/**
 * A request that tries the target while it is half open is on its way. Where that takes as long as the
 * target was out, another may try: some requests are answered in hours.
 */
export function trying(standing: Standing, nowMs: number): Standing {
  const { out } = standing;
  return out === null ? standing : { ...standing, out: { ...out, sinceMs: nowMs } };
}

/**
 * How the target at `at` stands after a request. `tried`: it was the one that tries. What others that
 * were under way say of a target that is out changes nothing.
 */
export function afterRequest(
  standings: readonly Standing[],
  at: number,
  { result, tried }: { readonly result: Result; readonly tried: boolean },
  nowMs: number,
  limits: Limits,
): Standing {
  const standing = standings[at] ?? sound;
  if (standing.out !== null) return tried ? afterTry(standing, result, nowMs, limits) : standing;
  if (result === 'given_up') return standing;
  if (result === 'ok') return standing.failures === 0 ? standing : { ...standing, failures: 0 };
  const failures = standing.failures + 1;
  if (failures < limits.failures || !mayLeaveOut(standings, limits)) {
    return { ...standing, failures };
  }
  const soon = nowMs - standing.backAtMs < limits.timeMs * timesMax;
  return leftOut(standing, soon ? standing.times + 1 : 1, nowMs, limits);
}

function afterTry(standing: Standing, result: Result, nowMs: number, limits: Limits): Standing {
  switch (result) {
    case 'ok':
      return { ...standing, out: null, failures: 0, backAtMs: nowMs };
    case 'failed':
      return leftOut(standing, standing.times + 1, nowMs, limits);
    case 'given_up':
      return halfOpen(standing, nowMs);
  }
}

function halfOpen(standing: Standing, nowMs: number): Standing {
  const { out } = standing;
  return out === null ? standing : { ...standing, out: { ...out, sinceMs: nowMs - out.forMs } };
}

function leftOut({ backAtMs }: Standing, times: number, nowMs: number, limits: Limits): Standing {
  const forMs = limits.timeMs * Math.min(times, timesMax);
  return { failures: 0, out: { sinceMs: nowMs, forMs }, times, backAtMs };
}

/** Whether one more may be out: within the share, and never the last. */
function mayLeaveOut(standings: readonly Standing[], { percentMax }: Limits): boolean {
  const out = standings.filter((standing) => standing.out !== null).length + 1;
  return out < standings.length && out * 100 <= percentMax * standings.length;
}
