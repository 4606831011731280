/**
 * The generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling). It is a token bucket in
 * one number: the theoretical arrival time, at which the bucket would be full again. One number can
 * be changed in memory that threads share without a lock. Nanoseconds of a monotonic clock.
 */

/** `burst` at once after a rest, and one more after each interval. */
export interface Pace {
  readonly intervalNs: bigint;
  readonly burst: number;
}

/** What a bucket has left. */
export interface Left {
  readonly requests: number;
  /** Until there is one more. */
  readonly nextNs: bigint;
}

/** The arrival time after one more request; null: it comes too early, and nothing changes. */
export function arrive(arrivalNs: bigint, nowNs: bigint, pace: Pace): bigint | null {
  const after = (arrivalNs > nowNs ? arrivalNs : nowNs) + pace.intervalNs;
  return after - nowNs > horizonNs(pace) ? null : after;
}

/** How many could come now, and when there will be one more. */
export function leftOf(arrivalNs: bigint, nowNs: bigint, pace: Pace): Left {
  const freeNs = horizonNs(pace) - (arrivalNs > nowNs ? arrivalNs - nowNs : 0n);
  const requests = freeNs / pace.intervalNs;
  return { requests: Number(requests), nextNs: (requests + 1n) * pace.intervalNs - freeNs };
}

/** How far ahead of the clock the arrival time of an empty bucket is. */
function horizonNs({ intervalNs, burst }: Pace): bigint {
  return intervalNs * BigInt(burst);
}
