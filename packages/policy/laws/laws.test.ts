import { describe, test } from 'vitest';
import { laws } from './laws.ts';

describe('laws', () => {
  test.each(laws.map(({ title, check }) => [title, check] as const))('%s', (_title, check) => {
    check(300);
  });
});
