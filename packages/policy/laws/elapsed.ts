import type { Facts } from '../src/index.ts';

/** The same facts after a while in which nothing was heard. */
export function later(one: Facts, byMs: number): Facts {
  const older = (ageMs: number) => Math.min(Number.MAX_SAFE_INTEGER, ageMs + byMs);
  const { revokeMs, signalsMs, configMs, directoryMs } = one.staleness;
  return {
    ...one,
    nowMs: one.nowMs + byMs,
    staleness: {
      revokeMs: older(revokeMs),
      signalsMs: older(signalsMs),
      configMs: older(configMs),
      directoryMs: older(directoryMs),
    },
  };
}

/** The risk is gone from the instant on that it tells. */
export function calmed(one: Facts): Facts {
  const untilMs = one.risk?.untilMs ?? Number.MAX_SAFE_INTEGER;
  return one.nowMs < untilMs ? one : { ...one, risk: { score: 0, signals: [], untilMs: null } };
}
