import { compile, type Decision, decide, type Facts, type Permit } from '@sallyport/policy';
import { describe, expect, it } from 'vitest';
import type { Permitted } from '../exchange.ts';
import { type CutCause, OpenExchanges } from './open-exchanges.ts';

const policy = compile({
  version: 1,
  routes: [
    { name: 'a', matches: [{ host: 'a.test', path: '/**', methods: null }], policies: ['all'] },
  ],
  policies: [{ name: 'all', allow: [{ name: 'all', anonymous: true }], deny: [], stepUp: [] }],
  globalPolicies: [],
});

function decision(nowMs: number, revokeMs: number): Decision {
  const facts: Facts = {
    nowMs,
    request: { method: 'GET', host: 'a.test', path: '/', headers: {} },
    sourceAddress: '192.0.2.1',
    device: { kind: 'none' },
    session: { kind: 'none' },
    user: { kind: 'none' },
    place: null,
    risk: null,
    lockdown: false,
    staleness: { revokeMs, signalsMs: 0, configMs: 0, directoryMs: 0 },
  };
  return decide(policy, facts);
}

/** Exchanges that are permitted for an hour from `nowMs` on, and what becomes of them. */
function setUp(count: number, nowMs: number, again: () => Decision | null) {
  const asked: Permitted[] = [];
  const cuts: CutCause[] = [];
  const open = new OpenExchanges({
    judgeAgain: (value) => {
      asked.push(value);
      return again();
    },
    cut: (_value, cause) => cuts.push(cause),
  });
  for (let at = 0; at < count; at += 1) {
    const permit = decision(nowMs, 0) as Permit;
    open.add({ permit, progress: { openAt: null } } as unknown as Permitted);
  }
  return { open, asked, cuts };
}

const hourMs = 3_600_000;

describe('permits whose time is over', () => {
  it('are left alone before', async () => {
    const { open, asked } = setUp(2, 0, () => null);
    await open.sweep(hourMs - 1);
    expect(asked).toEqual([]);
  });

  it('are given anew where there is news, until the end of that news', async () => {
    const { open, asked, cuts } = setUp(2, 0, () => decision(hourMs, 1_000));
    await open.sweep(hourMs);
    await open.sweep(2 * hourMs - 1_001);
    expect([asked.length, cuts.length, open.size]).toEqual([2, 0, 2]);
    await open.sweep(2 * hourMs - 1_000);
    expect([asked.length, cuts.length]).toEqual([4, 0]);
  });

  it('are over where there is none', async () => {
    const { open, cuts } = setUp(2, 0, () => decision(hourMs, hourMs));
    await open.sweep(hourMs);
    expect([cuts, open.size]).toEqual([['expired', 'expired'], 0]);
  });

  it('are asked for again when the clock is set back, because no permit knows its end then', async () => {
    const { open, asked } = setUp(1, 5 * hourMs, () => decision(hourMs, 0));
    await open.sweep(5 * hourMs);
    expect(asked).toHaveLength(0);
    await open.sweep(hourMs);
    expect(asked).toHaveLength(1);
    await open.sweep(hourMs);
    expect(asked).toHaveLength(1);
  });

  it('are asked for in slices, and by one sweep at a time', async () => {
    const { open, asked } = setUp(500, 0, () => {
      const end = performance.now() + 0.1;
      while (performance.now() < end);
      return null;
    });
    const first = open.sweep(hourMs);
    const begun = asked.length;
    expect(begun).toBeLessThan(500);
    await open.sweep(hourMs);
    expect(asked).toHaveLength(begun);
    await first;
    expect([asked.length, open.size]).toEqual([500, 0]);
  });
});
