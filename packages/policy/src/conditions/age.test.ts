import { describe, expect, test } from 'vitest';
import { firstAfter, isYounger, youthChangesAtMs } from './age.ts';

const never = Number.MAX_SAFE_INTEGER;
const nowMs = 1_000_000;

describe('age', () => {
  test.each([
    ['now', nowMs, true],
    ['the youngest that is too old', nowMs - 5000, false],
    ['the oldest that is not', nowMs - 4999, true],
    ['within a minute ahead', nowMs + 60_000, true],
    ['more than a minute ahead', nowMs + 60_001, false],
    ['at no time', Number.NaN, false],
  ])('what happened %s', (_title, atMs, expected) => {
    expect(isYounger(atMs, 5000, nowMs)).toBe(expected);
  });

  test.each([
    ['becomes too old', nowMs - 1000, 5000, nowMs + 4000],
    ['is too old for ever', nowMs - 5000, 5000, never],
    ['first comes into being', nowMs + 70_000, 5000, nowMs + 10_000],
    ['has no time', Number.NaN, 5000, never],
    ['never becomes too old', nowMs, Number.POSITIVE_INFINITY, never],
  ])('it changes where it %s', (_title, atMs, maxAgeMs, expected) => {
    expect(youthChangesAtMs(atMs, maxAgeMs, nowMs)).toBe(expected);
  });

  test('the first instant after now is not now', () => {
    expect(firstAfter(5, [9, 5, 4, 7, Number.NaN])).toBe(7);
    expect(firstAfter(5, [5])).toBe(never);
  });
});
