import { expect, it } from 'vitest';
import { defaultSettings } from '../settings.ts';
import { runMonth } from './run.ts';

const users = 10_000;

it('the defaults are what a month of 10,000 users chooses on one half, and hold on the other', () => {
  const { chosen, measures, text } = runMonth(1, users);
  process.stdout.write(`${text}\n`);
  expect(chosen).toEqual(defaultSettings);
  expect(measures['session-on-other-device'].found).toBe(
    measures['session-on-other-device'].attacks,
  );
  expect(measures['impossible-travel'].found).toBeGreaterThan(
    measures['impossible-travel'].attacks / 2,
  );
}, 600_000);
