import { describe, expect, it } from 'vitest';
import { FrameBudget, frameTypes } from './frame-budget.ts';

/** How many in a row are within the limits. */
function taken(budget: FrameBudget, type: number, more: { flags?: number; length?: number } = {}) {
  for (let count = 0; count < 100_000; count += 1) {
    if (!budget.take(type, more.flags ?? 0, more.length ?? 0, 1)) return count;
  }
  return null;
}

describe('the budget of frames', () => {
  it.each([
    ['PRIORITY', frameTypes.priority, 1_000],
    ['SETTINGS', frameTypes.settings, 32],
    ['PING', frameTypes.ping, 1_000],
    ['CONTINUATION', frameTypes.continuation, 200],
    ['DATA without data', frameTypes.data, 200],
    ['kinds that nobody knows', 0x77, 1_000],
    ['HEADERS', frameTypes.headers, null],
    ['WINDOW_UPDATE', frameTypes.windowUpdate, null],
  ])('bounds %s', (_name, type, most) => {
    expect(taken(new FrameBudget(), type)).toBe(most);
  });

  it('bounds neither data nor the end of it', () => {
    expect(taken(new FrameBudget(), frameTypes.data, { length: 1 })).toBeNull();
    expect(taken(new FrameBudget(), frameTypes.data, { flags: 1 })).toBeNull();
  });

  it.each([
    [0, 100],
    [150, 100],
    [300, 150],
    [10_000, 200],
  ])('lets a client that has opened %i streams reset %i', (opened, most) => {
    const budget = new FrameBudget();
    budget.take(frameTypes.headers, 0, 0, 1);
    for (let count = 0; count < opened; count += 1) budget.open();
    expect(taken(budget, frameTypes.resetStream)).toBe(most);
  });

  it('begins anew after ten seconds', () => {
    const budget = new FrameBudget();
    expect(taken(budget, frameTypes.settings)).toBe(32);
    expect(budget.take(frameTypes.settings, 0, 0, 10_002)).toBe(true);
  });
});
