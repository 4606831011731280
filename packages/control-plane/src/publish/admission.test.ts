import { describe, expect, it } from 'vitest';
import { createAdmission, Slots } from './admission.ts';

describe('the admission of Hellos', () => {
  it('lets a burst in, then the rate, and tells the rest different times', () => {
    let nowMs = 1_000;
    const limits = { hellosPerSecond: 100, hellosBurst: 50, transfersMax: 1 };
    const admission = createAdmission(limits, () => nowMs);
    const told = Array.from({ length: 200 }, () => admission.hello());
    expect(told.filter((retry) => retry === null)).toHaveLength(50);
    const refused = told.filter((retry) => retry !== null);
    expect(Math.min(...refused)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...refused)).toBeLessThanOrEqual(5_000);
    expect(new Set(refused).size).toBeGreaterThan(100);
    nowMs += 1_000;
    const later = Array.from({ length: 200 }, () => admission.hello());
    expect(later.filter((retry) => retry === null)).toHaveLength(50);
  });

  it('has let all in soon after a thousand came at once and came back as told', () => {
    let nowMs = 0;
    const limits = { hellosPerSecond: 250, hellosBurst: 100, transfersMax: 1 };
    const admission = createAdmission(limits, () => nowMs);
    let waiting = Array.from({ length: 1_000 }, () => 0);
    while (waiting.length > 0) {
      nowMs = Math.min(...waiting);
      const due = waiting.filter((atMs) => atMs <= nowMs);
      waiting = waiting.filter((atMs) => atMs > nowMs);
      for (const _ of due) {
        const retryMs = admission.hello();
        if (retryMs !== null) waiting.push(nowMs + retryMs);
      }
    }
    expect(nowMs).toBeLessThan(6_000);
  });
});

describe('places for transfers', () => {
  it('go to those that wait in their order, and never to more than there are', () => {
    const slots = new Slots(2);
    const holders = Array.from({ length: 5 }, (_, n) => ({ n }));
    const freed: number[] = [];
    const taken = holders.map((holder) => slots.take(holder, () => freed.push(holder.n)));
    expect(taken).toEqual([true, true, false, false, false]);
    slots.release(holders[3] ?? {});
    slots.release(holders[0] ?? {});
    slots.release(holders[0] ?? {});
    expect(freed).toEqual([2]);
    slots.release(holders[1] ?? {});
    expect(freed).toEqual([2, 4]);
    expect([slots.taken, slots.waiting]).toEqual([2, 0]);
  });
});
