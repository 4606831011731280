import { describe, expect, it } from 'vitest';
import { LoopWatch } from './loop-watch.ts';
import { Overload } from './overload.ts';

const limits = { lagMs: 200 };

/** Looks at a loop that is so late each time; gives the instant of the last look. */
function late(overload: Overload, looks: number, lagMs: number, fromMs = 0): number {
  let nowMs = fromMs;
  for (let at = 0; at < looks; at += 1) {
    nowMs += 50 + lagMs;
    overload.look({ nowMs, lagMs, memory: 'enough' });
  }
  return nowMs;
}

/** How many of a hundred requests are taken. */
function takenOf(overload: Overload): number {
  return Array.from({ length: 100 }, () => overload.takes()).filter(Boolean).length;
}

describe('overload', () => {
  it('is not a pause, however long', () => {
    const overload = new Overload(limits);
    late(overload, 1, 5_000);
    expect([overload.cause, takenOf(overload)]).toEqual([null, 100]);
    late(overload, 1, 0, 5_050);
    late(overload, 1, 5_000, 5_100);
    expect(overload.cause).toBeNull();
  });

  it('begins when the event loop stays late, and takes the fewer requests the longer it does', () => {
    const overload = new Overload(limits);
    let nowMs = late(overload, 5, 250);
    expect([overload.cause, takenOf(overload)]).toEqual(['lag', 50]);
    nowMs = late(overload, 3, 250, nowMs);
    expect(takenOf(overload)).toBe(20);
    late(overload, 10, 250, nowMs);
    expect([overload.cause, takenOf(overload)]).toEqual(['lag', 0]);
  });

  it('ends step by step when the event loop keeps up, and not while it is near its limit', () => {
    const overload = new Overload(limits);
    let nowMs = late(overload, 20, 250);
    nowMs = late(overload, 50, 150, nowMs);
    expect(takenOf(overload)).toBe(0);
    nowMs = late(overload, 25, 5, nowMs);
    expect([overload.cause, takenOf(overload)]).toEqual(['lag', 50]);
    late(overload, 30, 5, nowMs);
    expect([overload.cause, takenOf(overload)]).toEqual([null, 100]);
  });

  it('is never where the limit is 0', () => {
    const overload = new Overload({ lagMs: 0 });
    late(overload, 50, 60_000);
    expect([overload.cause, takenOf(overload)]).toEqual([null, 100]);
  });

  it('takes nothing where memory is scarce, until there is enough again', () => {
    const overload = new Overload(limits);
    const look = (memory: 'enough' | 'short' | 'scarce') => {
      overload.look({ nowMs: 0, lagMs: 0, memory });
      return [overload.cause, takenOf(overload)];
    };
    expect(look('short')).toEqual([null, 100]);
    expect(look('scarce')).toEqual(['memory', 0]);
    expect(look('short')).toEqual(['memory', 0]);
    expect(look('enough')).toEqual([null, 100]);
  });
});

describe('the delay of an event loop', () => {
  it('is seen when the loop goes on, and kept for a while', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const watch = new LoopWatch((_nowMs, lagMs) => {
      if (lagMs >= 100) resolve(lagMs);
    });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    const lagMs = await promise;
    expect(watch.worstMs).toBeGreaterThanOrEqual(lagMs);
    watch.stop();
  });
});
