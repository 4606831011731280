import { describe, expect, it } from 'vitest';
import { lanesThatWentBack, lostRevocations, permitsAfterEnforced } from './verdicts.ts';

const asked = (status: number | null, sentAtMs: number, edge = 0, sid = 'a') => ({
  status,
  sentAtMs,
  edge,
  sid,
  tookMs: 1,
});

describe('the oracle', () => {
  it('finds a permit after the edge has confirmed the end, and no other', () => {
    const enforced = [{ sid: 'a', edge: 0, atMs: 100 }];
    expect(permitsAfterEnforced([asked(200, 101)], enforced)).toHaveLength(1);
    const good = [
      asked(200, 99),
      asked(401, 101),
      asked(null, 102),
      asked(200, 103, 1),
      asked(200, 104, 0, 'b'),
    ];
    expect(permitsAfterEnforced(good, enforced)).toEqual([]);
  });

  it('finds a revocation that was confirmed and is gone', () => {
    expect(lostRevocations(['a', 'b'], new Set(['b', 'c']))).toHaveLength(1);
    expect(lostRevocations(['b'], new Set(['b']))).toEqual([]);
  });

  it('finds a lane that went back, in its revision or its epoch', () => {
    const look = (epoch: number, rev: number, edge = 0) => ({
      edge,
      lanes: new Map([['revoke', { epoch, rev }]]),
    });
    expect(lanesThatWentBack([look(1, 5), look(1, 4)])).toHaveLength(1);
    expect(lanesThatWentBack([look(2, 0), look(1, 9)])).toHaveLength(1);
    expect(lanesThatWentBack([look(1, 5), look(1, 5), look(1, 3, 1), look(2, 0)])).toEqual([]);
  });
});
