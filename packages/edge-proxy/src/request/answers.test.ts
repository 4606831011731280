import { expect, it } from 'vitest';
import { wordingOf } from './answers.ts';

it.each([
  [1, '1 second'],
  [30, '30 seconds'],
  [60, '60 seconds'],
  [61, '2 minutes'],
  [1_800, '30 minutes'],
  [3_600, '60 minutes'],
  [3_601, '2 hours'],
  [86_400, '24 hours'],
])('who came too often, by %i seconds, is told to try again in %s', (retryAfterSeconds, said) => {
  const answer = { kind: 'limited', code: 'rate_limited', retryAfterSeconds, fields: [] } as const;
  expect(wordingOf(answer)).toMatchObject({ status: 429, next: `Try again in ${said}.` });
});
