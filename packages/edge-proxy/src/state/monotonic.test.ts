import { describe, expect, it } from 'vitest';
import { Standstill } from './monotonic.ts';

function clocks() {
  const clock = { wallMs: 1_700_000_000_000, monotonicMs: 5_000 };
  const standstill = new Standstill(
    () => clock.wallMs,
    () => clock.monotonicMs,
  );
  const pass = (wallMs: number, monotonicMs: number): number => {
    clock.wallMs += wallMs;
    clock.monotonicMs += monotonicMs;
    return standstill.missedMs();
  };
  return { pass };
}

describe('a standstill of the monotonic clock', () => {
  it('is noticed by the wall clock, once', () => {
    const { pass } = clocks();
    expect(pass(200, 200)).toBe(0);
    expect(pass(3_600_200, 200)).toBe(3_600_000);
    expect(pass(200, 200)).toBe(0);
  });

  it('is none when the process alone stood still', () => {
    const { pass } = clocks();
    expect(pass(3_600_000, 3_600_000)).toBe(0);
  });

  it('is none when the wall clock is set back, and is noticed after that all the same', () => {
    const { pass } = clocks();
    expect(pass(-86_400_000, 200)).toBe(0);
    expect(pass(60_200, 200)).toBe(60_000);
  });

  it('counts up from many that are short', () => {
    const { pass } = clocks();
    const missed = Array.from({ length: 10 }, () => pass(700, 200)).reduce((a, b) => a + b, 0);
    expect(missed).toBeGreaterThanOrEqual(4_000);
    expect(missed).toBeLessThanOrEqual(5_000);
  });
});
