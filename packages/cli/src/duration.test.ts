import { expect, it } from 'vitest';
import { durationSeconds } from './duration.ts';

it('reads a number and one unit, and nothing else', () => {
  expect(['90s', '15m', '2h', '7d'].map(durationSeconds)).toEqual([90, 900, 7200, 604_800]);
  for (const bad of ['', '0s', '5', 's', '1.5h', '-1h', '1h30m', ' 1h', '1w', '9999999999s']) {
    expect([bad, durationSeconds(bad)]).toEqual([bad, null]);
  }
});
