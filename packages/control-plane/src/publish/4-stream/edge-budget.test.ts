import { describe, expect, it } from 'vitest';
import { EdgeBudgets } from './edge-budget.ts';

const limits = {
  acksPerSecond: 100,
  messagesPerSecond: 10,
  bytesPerSecond: 1_000,
  burstSeconds: 2,
};

function budgets() {
  const time = { nowMs: 0 };
  return { time, all: new EdgeBudgets(limits, () => time.nowMs) };
}

/** How many messages of so many bytes are let through before one is not. */
function through(all: EdgeBudgets, edgeId: string, kind: 'ack' | 'other', bytes: number): number {
  let count = 0;
  while (count < 1_000 && all.of(edgeId).take(kind, bytes)) count += 1;
  return count;
}

describe('what an edge may say', () => {
  it('is bounded in messages, with more for acknowledgements, and comes back with time', () => {
    const { time, all } = budgets();
    expect(through(all, 'one', 'other', 1)).toBe(20);
    expect(through(all, 'one', 'ack', 1)).toBe(200);
    expect(through(all, 'two', 'other', 1)).toBe(20);
    time.nowMs = 1_000;
    expect(through(all, 'one', 'other', 1)).toBe(10);
    time.nowMs = 3_600_000;
    expect(through(all, 'one', 'other', 1)).toBe(20);
  });

  it('is bounded in bytes, whatever they are', () => {
    const { all } = budgets();
    expect(through(all, 'one', 'ack', 500)).toBe(4);
    expect(through(all, 'one', 'other', 1)).toBe(0);
  });

  it('is not whole again because the edge left and came back', () => {
    const { time, all } = budgets();
    through(all, 'one', 'other', 1);
    all.forget(() => false);
    expect(through(all, 'one', 'other', 1)).toBe(0);
    time.nowMs = 2_000;
    all.forget(() => true);
    expect(all.size).toBe(1);
    all.forget(() => false);
    expect(all.size).toBe(0);
  });
});
