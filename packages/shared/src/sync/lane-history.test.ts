import { describe, expect, it } from 'vitest';
import { emptyHistory, recall, remember } from './lane-history.ts';

const entry = (rev: number) => ({ rev, sha256: null, digest: null, atMs: rev });

describe('the history of a lane', () => {
  it('has the last 1,024 positions, and forgets those before', () => {
    let history = emptyHistory;
    for (let rev = 5; rev <= 3_000; rev += 1) history = remember(history, 1, entry(rev));
    for (let rev = 3_000 - 1_023; rev <= 3_000; rev += 1) {
      expect(recall(history, 1, rev)?.rev).toBe(rev);
    }
    expect(recall(history, 1, 1_500)).toBeNull();
    expect(recall(history, 1, 3_001)).toBeNull();
    expect(history.chunks.length).toBeLessThanOrEqual(33);
  });

  it('begins anew with an epoch, and after a jump', () => {
    const one = remember(emptyHistory, 1, entry(7));
    expect(recall(remember(one, 2, entry(8)), 1, 7)).toBeNull();
    expect(recall(remember(one, 1, entry(9)), 1, 7)).toBeNull();
    expect(recall(remember(one, 1, entry(8)), 1, 7)?.rev).toBe(7);
  });

  it('does not change what others hold', () => {
    const one = remember(emptyHistory, 1, entry(7));
    remember(one, 1, entry(8));
    expect(recall(one, 1, 8)).toBeNull();
  });
});
