import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, choose } from './choice.ts';

const candidate = fc.record({
  weight: fc.integer({ min: 1, max: 1000 }),
  inFlight: fc.integer({ min: 0, max: 10_000 }),
});
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** The part of evenly spread random numbers that choose it. */
function share(candidates: readonly Candidate[], wanted: Candidate): number {
  const steps = 2_000;
  let chosen = 0;
  for (let step = 0; step < steps; step += 1) {
    if (choose(candidates, (step + 0.5) / steps) === wanted) chosen += 1;
  }
  return chosen / steps;
}

describe('the choice of a target', () => {
  it('always falls on one where there are any', () => {
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 32 }), random, (all, value) => {
        expect(all).toContain(choose(all, value));
      }),
    );
    expect(choose([], 0.5)).toBeUndefined();
  });

  it('gives idle targets shares as their weights are', () => {
    const one = { weight: 1, inFlight: 0 };
    const three = { weight: 3, inFlight: 0 };
    expect(share([one, three], one)).toBeCloseTo(0.25, 2);
    expect(share([one, three], three)).toBeCloseTo(0.75, 2);
  });

  it('gives a target no more for having more under way', () => {
    fc.assert(
      fc.property(candidate, fc.array(candidate, { maxLength: 4 }), (one, others) => {
        const busier = { ...one, inFlight: one.inFlight + 1 };
        expect(share([busier, ...others], busier)).toBeLessThanOrEqual(
          share([one, ...others], one) + 0.001,
        );
      }),
      { numRuns: 20 },
    );
  });
});
