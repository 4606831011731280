import { describe, test } from 'vitest';
import { laws } from './laws.ts';

const minutesMs = 60_000;

describe('laws, with many more examples', () => {
  test.each(laws.map((law) => [law.title, law] as const))(
    '%s',
    (_title, { check, runs, times }) => {
      check(runs * times);
    },
    20 * minutesMs,
  );
});
