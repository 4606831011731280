import { describe, test } from 'vitest';
import { laws } from './laws.ts';

describe('laws', () => {
  test.each(laws.map((law) => [law.title, law] as const))(
    '%s',
    (_title, { check, runs }) => {
      check(runs);
    },
    60_000,
  );
});
