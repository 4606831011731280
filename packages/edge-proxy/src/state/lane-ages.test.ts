import { describe, expect, it } from 'vitest';
import { LaneAges, unknownAgeMs } from './lane-ages.ts';
import { monotonicMs } from './monotonic.ts';

describe('the ages of the lanes', () => {
  it('are the same for whoever has the memory, and never less than they are', () => {
    const ages = new LaneAges();
    const reader = new LaneAges(ages.shared);
    const nowMs = monotonicMs();
    ages.set('revoke', nowMs - 120_000);
    const age = reader.ageMs('revoke', nowMs);
    expect(age).toBeGreaterThanOrEqual(120_000);
    expect(age).toBeLessThanOrEqual(120_101);
    expect(reader.ageMs('revoke', nowMs + 5_000)).toBe(age + 5_000);
  });

  it('tell a lane of which nothing is known from one that is as old as can be', () => {
    const ages = new LaneAges();
    expect([ages.isKnown('config'), ages.ageMs('config')]).toEqual([false, unknownAgeMs]);
    ages.set('config', Number.NEGATIVE_INFINITY);
    expect([ages.isKnown('config'), ages.ageMs('config')]).toEqual([true, unknownAgeMs]);
    ages.set('config', null);
    expect(ages.isKnown('config')).toBe(false);
  });

  it('are those of all lanes higher by the time for which the monotonic clock stood still', () => {
    const ages = new LaneAges();
    const nowMs = monotonicMs();
    ages.set('revoke', nowMs);
    ages.set('config', Number.NEGATIVE_INFINITY);
    ages.setBack(3_600_050);
    expect(ages.ageMs('revoke', nowMs)).toBeGreaterThanOrEqual(3_600_050);
    expect(ages.ageMs('revoke', nowMs)).toBeLessThan(3_601_000);
    expect(ages.ageMs('config', nowMs)).toBe(unknownAgeMs);
    expect(ages.isKnown('signals')).toBe(false);
    ages.setBack(Number.MAX_SAFE_INTEGER);
    expect(ages.ageMs('revoke', nowMs)).toBe(unknownAgeMs);
  });

  it('hold a state of years ago, and none of the future', () => {
    const ages = new LaneAges();
    const nowMs = monotonicMs();
    const yearMs = 365 * 86_400_000;
    ages.set('directory', nowMs - 3 * yearMs);
    expect(ages.ageMs('directory', nowMs)).toBeGreaterThanOrEqual(3 * yearMs);
    ages.set('directory', nowMs + 60_000);
    expect(ages.ageMs('directory', nowMs)).toBe(0);
  });
});
