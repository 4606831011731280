import { describe, expect, test } from 'vitest';
import type { PostureFact } from '../facts.ts';
import { compileOne, device, nowMs, problemsOf, signedOut, truthFor, viewOf } from './testing.ts';

const wanted = (posture: object) => ({ posture: [{ name: 'p', ...posture }] });
const observed = (value: PostureFact['value'], agoMs = 0) => ({
  device: { ...device, posture: [{ name: 'p', value, observedAtMs: nowMs - agoMs }] },
});

describe('posture', () => {
  test.each([
    ['nothing is wanted', {}],
    ['two things are wanted', { is: 1, atLeast: 1 }],
    ['is and in', { is: 1, in: [1] }],
    ['null', { is: null }],
    ['not a number', { is: Number.NaN }],
    ['an object', { is: {} }],
    ['blank text', { is: '' }],
    ['text without end', { is: 'x'.repeat(257) }],
    ['no entries', { in: [] }],
    ['entries of two types', { in: [1, '1'] }],
    ['an infinite bound', { atLeast: Number.POSITIVE_INFINITY }],
    ['a bound of text', { atMost: '5' }],
    ['bounds the wrong way round', { atLeast: 2, atMost: 1 }],
    ['an age of nothing', { is: true, maxAge: '0s' }],
    ['an age that is a number', { is: true, maxAge: 60 }],
    ['a name with a slash', { name: 'a/b', is: true }],
    ['an unknown field', { is: true, since: '1h' }],
  ])('%s: refused', (_title, posture) => {
    expect(problemsOf('device', wanted(posture))).not.toEqual([]);
  });

  test('what comes from no device was never observed', () => {
    const value = { known: false, ...wanted({ is: true }) };
    expect(problemsOf('device', value)).toMatchObject([{ field: '/device' }]);
    expect(problemsOf('device', { known: false, certificateMaxAge: '1d' })).not.toEqual([]);
  });

  test.each([
    [{ is: true }, true, 'true'],
    [{ is: true }, false, 'false'],
    [{ is: true }, 1, 'unknown'],
    [{ is: 0 }, -0, 'true'],
    [{ is: 'a' }, 'A', 'false'],
    [{ in: [1, 2] }, 2, 'true'],
    [{ in: [1, 2] }, 3, 'false'],
    [{ in: [1, 2] }, '2', 'unknown'],
    [{ atLeast: 2 }, 2, 'true'],
    [{ atLeast: 2 }, 1.9, 'false'],
    [{ atLeast: 2 }, true, 'unknown'],
    [{ atMost: 2 }, Number.NaN, 'unknown'],
    [{ atMost: 2 }, 2, 'true'],
  ] as const)('%j of %j is %s', (posture, value, expected) => {
    expect(truthFor('device', wanted(posture), observed(value))).toBe(expected);
  });

  test('what is false outweighs what is not known', () => {
    const value = { managed: false, ...wanted({ is: true }) };
    expect(truthFor('device', value, {})).toBe('false');
    expect(truthFor('device', wanted({ is: true }), {})).toBe('unknown');
  });

  test('what is not known outweighs what signing in would tell', () => {
    const value = { ownedByUser: true, ...wanted({ is: true }) };
    expect(truthFor('device', value, signedOut)).toBe('unknown');
    expect(truthFor('device', value, { ...signedOut, ...observed(true) })).toBe('pending');
  });

  test('the fact that is missing is named', () => {
    const condition = compileOne('device', {
      posture: [
        { name: 'p', is: true },
        { name: 'q', is: true },
      ],
    });
    expect(condition.fact?.(viewOf(observed(true)))).toBe('device.posture.q');
  });

  test('it may change where it becomes too old, and where the certificate does', () => {
    const value = { certificateMaxAge: '1d', ...wanted({ is: true, maxAge: '1h' }) };
    const condition = compileOne('device', value);
    expect(condition.changesAtMs?.(viewOf(observed(true, 1000)))).toBe(nowMs + 3_599_000);
    expect(condition.changesAtMs?.(viewOf(observed(true, 3_600_000)))).toBe(
      device.certificateNotBeforeMs + 86_400_000,
    );
    expect(condition.changesAtMs?.(viewOf({ device: { kind: 'none' } }))).toBe(
      Number.MAX_SAFE_INTEGER,
    );
  });

  test('time changes nothing of a device that is only known', () => {
    expect(compileOne('device', { managed: true }).changesAtMs).toBeUndefined();
  });
});
