import { describe, expect, it } from 'vitest';
import { FrameBudget, frameTypes } from './frame-budget.ts';

/** How many in a row are within the limits, and what there is too much of then. */
function taken(budget: FrameBudget, type: number, more: { flags?: number; length?: number } = {}) {
  for (let count = 0; count < 100_000; count += 1) {
    const flood = budget.take(type, more.flags ?? 0, more.length ?? 0, 1);
    if (flood !== null) return `${count} ${flood}`;
  }
  return null;
}

function budgetOf(opened: number): FrameBudget {
  const budget = new FrameBudget();
  budget.take(frameTypes.headers, 0, 0, 1);
  for (let count = 0; count < opened; count += 1) budget.open();
  return budget;
}

describe('the budget of frames', () => {
  it.each([
    ['PRIORITY', frameTypes.priority, '1000 priority'],
    ['SETTINGS', frameTypes.settings, '32 settings'],
    ['PING', frameTypes.ping, '1000 ping'],
    ['GOAWAY', frameTypes.goAway, '10 goaway'],
    ['CONTINUATION', frameTypes.continuation, '200 continuation'],
    ['DATA without data', frameTypes.data, '200 data'],
    ['WINDOW_UPDATE where nothing is sent', frameTypes.windowUpdate, '1000 window_update'],
    ['kinds that nobody knows', 0x77, '1000 unknown'],
    ['HEADERS', frameTypes.headers, null],
  ])('bounds %s', (_name, type, most) => {
    expect(taken(new FrameBudget(), type)).toBe(most);
  });

  it('lets data through that come in frames of a useful size', () => {
    expect(taken(new FrameBudget(), frameTypes.data, { length: 16 })).toBeNull();
    expect(taken(budgetOf(100_000), frameTypes.data, { flags: 1, length: 1 })).toBeNull();
  });

  it.each([
    [1, '2133 data'],
    [8, '4000 data'],
    [15, '32000 data'],
  ])('bounds data of %i bytes each (CVE-2019-9518 and its kind)', (length, most) => {
    expect(taken(new FrameBudget(), frameTypes.data, { length })).toBe(most);
  });

  it('lets windows grow with what is sent, and with the streams', () => {
    const budget = budgetOf(10);
    budget.sent(8_000);
    expect(taken(budget, frameTypes.windowUpdate)).toBe('2040 window_update');
  });

  it('bounds windows that grow byte by byte (CVE-2019-9511)', () => {
    const budget = new FrameBudget();
    let updates = 0;
    while (budget.take(frameTypes.windowUpdate, 0, 4, 1) === null) {
      updates += 1;
      budget.sent(1);
    }
    expect(updates).toBe(1_142);
  });

  it.each([
    [0, 100],
    [150, 100],
    [300, 150],
    [10_000, 200],
  ])('lets a client that has opened %i streams reset %i', (opened, most) => {
    expect(taken(budgetOf(opened), frameTypes.resetStream)).toBe(`${most} reset`);
  });

  it('begins anew after ten seconds', () => {
    const budget = new FrameBudget();
    expect(taken(budget, frameTypes.settings)).toBe('32 settings');
    expect(budget.take(frameTypes.settings, 0, 0, 10_002)).toBeNull();
    expect(taken(budget, frameTypes.windowUpdate)).toBe('1000 window_update');
    expect(budget.take(frameTypes.windowUpdate, 0, 0, 20_003)).toBeNull();
  });
});
