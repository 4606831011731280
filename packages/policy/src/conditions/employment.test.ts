import { describe, expect, test } from 'vitest';
import { compileOne, nowMs, problemsOf, signedOut, truthFor, user, viewOf } from './testing.ts';

const employed = (endsAtMs: number | null) => ({
  user: { ...user, employment: { class: 'contractor' as const, endsAtMs } },
});

describe('employment', () => {
  test.each([
    ['nothing', {}],
    ['null', null],
    ['text', { class: 'contractor' }],
    ['no class', { class: [] }],
    ['an unknown class', { class: ['intern'] }],
    ['a prototype', { class: ['__proto__'] }],
    ['text for a flag', { ended: 'false' }],
    ['an unknown field', { ends: '2027-01-01' }],
  ])('%s is refused', (_title, value) => {
    expect(problemsOf('employment', value)).not.toEqual([]);
  });

  test.each([
    [{ class: ['contractor'] }, null, 'true'],
    [{ class: ['contractor'] }, nowMs - 1, 'true'],
    [{ class: ['employee'] }, null, 'false'],
    [{ ended: false }, null, 'true'],
    [{ ended: false }, nowMs + 1, 'true'],
    [{ ended: false }, nowMs, 'false'],
    [{ ended: true }, nowMs, 'true'],
    [{ ended: true }, Number.NaN, 'true'],
    [{ class: ['employee'], ended: false }, null, 'false'],
  ] as const)('%j of a contractor until %s is %s', (value, endsAtMs, expected) => {
    expect(truthFor('employment', value, employed(endsAtMs))).toBe(expected);
  });

  test('it is pending without a session, and unknown where it is not known', () => {
    expect(truthFor('employment', { ended: false }, signedOut)).toBe('pending');
    expect(truthFor('employment', { ended: false }, {})).toBe('unknown');
  });

  test('it changes where the employment ends', () => {
    const condition = compileOne('employment', { ended: false });
    expect(condition.changesAtMs?.(viewOf(employed(nowMs + 5)))).toBe(nowMs + 5);
    expect(condition.changesAtMs?.(viewOf(employed(nowMs)))).toBe(Number.MAX_SAFE_INTEGER);
    expect(condition.changesAtMs?.(viewOf({}))).toBe(Number.MAX_SAFE_INTEGER);
  });
});
