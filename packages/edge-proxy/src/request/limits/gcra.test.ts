import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrive, leftOf, type Pace } from './gcra.ts';

const paces = fc.record({
  intervalNs: fc.bigInt({ min: 1n, max: 50n }),
  burst: fc.integer({ min: 1, max: 12 }),
});
/** From one request to the next; often none at all. */
const gaps = fc.array(fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 400n })), {
  maxLength: 120,
});

/**
 * By the definition, over all that was admitted: from any of them on there are at most `burst`, and one
 * more for each interval.
 */
function fits(admitted: readonly bigint[], nowNs: bigint, { intervalNs, burst }: Pace): boolean {
  return admitted.every((first, at) => {
    const count = admitted.length - at + 1;
    return BigInt(count) <= BigInt(burst) + (nowNs - first) / intervalNs;
  });
}

describe('the rate algorithm', () => {
  it('admits what the definition of the limit admits, and nothing else', () => {
    fc.assert(
      fc.property(paces, gaps, (pace, between) => {
        const admitted: bigint[] = [];
        let nowNs = 1_000n;
        let arrivalNs = 0n;
        for (const gap of between) {
          nowNs += gap;
          const after = arrive(arrivalNs, nowNs, pace);
          expect(after !== null).toBe(fits(admitted, nowNs, pace));
          if (after === null) continue;
          admitted.push(nowNs);
          arrivalNs = after;
        }
      }),
    );
  });

  it('knows how many are left, and when there is one more', () => {
    fc.assert(
      fc.property(paces, fc.bigInt({ min: 0n, max: 700n }), (pace, aheadNs) => {
        const nowNs = 5_000n;
        const horizonNs = pace.intervalNs * BigInt(pace.burst);
        const arrivalNs = nowNs + (aheadNs > horizonNs ? horizonNs : aheadNs);
        const { requests, nextNs } = leftOf(arrivalNs, nowNs, pace);
        let after: bigint | null = arrivalNs;
        for (let more = 0; more < requests; more += 1) after = arrive(after ?? 0n, nowNs, pace);
        expect(after).not.toBeNull();
        expect(arrive(after ?? 0n, nowNs, pace)).toBeNull();
        if (requests === pace.burst) return;
        expect(leftOf(arrivalNs, nowNs + nextNs, pace).requests).toBe(requests + 1);
        expect(leftOf(arrivalNs, nowNs + nextNs - 1n, pace).requests).toBe(requests);
      }),
    );
  });
});
