import { expect, it } from 'vitest';
import { defaultSettings } from '../settings.ts';
import { runMonth } from './run.ts';

const users = 10_000;

it('the defaults are what a month of 10,000 users chooses on one half, and hold on the other', () => {
  const { chosen, measured, text } = runMonth(1, users);
  process.stdout.write(`${text}\n`);
  expect(chosen).toEqual(defaultSettings);
  const { measures, together } = measured;
  expect(together.stopped).toBeGreaterThan(together.detectable / 2);
  expect(together.disturbed).toBeLessThan((users / 2) * 0.02);
  expect(measures['session-on-other-device'].found).toBe(
    measures['session-on-other-device'].attacks,
  );
  expect(measures['impossible-travel'].found).toBeGreaterThan(
    measures['impossible-travel'].detectable / 2,
  );
}, 600_000);
