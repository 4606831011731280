import { describe, expect, it } from 'vitest';
import { planResume } from './plan.ts';

const head = { epoch: 5, rev: 100 };

describe('a lane goes on', () => {
  it.each([
    ['by shards for an edge that has nothing', null, true, 'shards'],
    ['by shards for an edge of an older history', { epoch: 4, rev: 500 }, true, 'shards'],
    ['by waiting for an edge of a newer history', { epoch: 6, rev: 1 }, true, 'wait'],
    ['by waiting for an edge that is ahead', { epoch: 5, rev: 101 }, true, 'wait'],
    ['by frames for an edge at the head, whatever the log has', head, false, 'tail'],
    ['by frames while the log reaches back', { epoch: 5, rev: 7 }, true, 'tail'],
    ['by shards where it does not', { epoch: 5, rev: 7 }, false, 'shards'],
  ] as const)('%s', (_, have, canTail, kind) => {
    expect(planResume(have, head, canTail)).toBe(kind);
  });
});
