import { expect, it } from 'vitest';
import { barredDelayMs } from './reconnect.ts';

it('a blocked edge asks again after 15 seconds at the most, however often it was turned away', () => {
  for (const attempt of [2, 5, 100]) {
    expect(barredDelayMs(attempt, () => 0)).toBe(7_500);
    expect(barredDelayMs(attempt, () => 1)).toBe(15_000);
  }
  expect(barredDelayMs(0, () => 1)).toBe(5_000);
});
