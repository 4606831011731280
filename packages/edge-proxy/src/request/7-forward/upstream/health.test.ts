import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterCheck, type Health, presumed } from './health.ts';

describe('the health of a target', () => {
  it('changes after so many checks in a row that say otherwise, and only then', () => {
    const limits = fc.record({
      healthyAfter: fc.integer({ min: 1, max: 5 }),
      unhealthyAfter: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(limits, fc.array(fc.boolean(), { maxLength: 60 }), (needed, checks) => {
        let health: Health = presumed;
        for (const [at, passed] of checks.entries()) {
          const before = health.healthy;
          health = afterCheck(health, passed, needed);
          const count = before ? needed.unhealthyAfter : needed.healthyAfter;
          const last = checks.slice(Math.max(0, at + 1 - count), at + 1);
          const unanimous = last.length === count && last.every((one) => one !== before);
          // A change begins the count anew, so it needs all of them; it never comes without them.
          if (health.healthy !== before) expect(unanimous).toBe(true);
          else expect(health.against).toBeLessThan(count);
        }
      }),
    );
  });

  it('is good until checks say otherwise', () => {
    const needed = { healthyAfter: 2, unhealthyAfter: 3 };
    const seen = [false, false, true, false, false, false, true, false, true, true].reduce<
      Health[]
    >((all, passed) => [...all, afterCheck(all.at(-1) ?? presumed, passed, needed)], []);
    expect(seen.map(({ healthy }) => healthy)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
      true,
    ]);
  });
});
