import { describe, expect, it } from 'vitest';
import { type BucketLimits, TokenBucket } from './token-bucket.ts';

function bucket(limits: BucketLimits) {
  const time = { nowMs: 0 };
  return { time, tokens: new TokenBucket(limits, () => time.nowMs) };
}

function taken(tokens: TokenBucket): number {
  let count = 0;
  while (count < 1_000 && tokens.take(1)) count += 1;
  return count;
}

describe('a token bucket', () => {
  it('is full at the start, comes back with time and holds no more than a burst', () => {
    const { time, tokens } = bucket({ perSecond: 10, burst: 20 });
    expect(tokens.isFull()).toBe(true);
    expect(taken(tokens)).toBe(20);
    expect([tokens.isFull(), tokens.hasAny()]).toEqual([false, false]);
    time.nowMs = 1_000;
    expect(taken(tokens)).toBe(10);
    time.nowMs = 2_900;
    expect(tokens.isFull()).toBe(false);
    time.nowMs = 3_600_000;
    expect(tokens.isFull()).toBe(true);
    expect(taken(tokens)).toBe(20);
  });

  it('gives what is asked for whole or not at all', () => {
    const { time, tokens } = bucket({ perSecond: 100, burst: 100 });
    expect(tokens.take(101)).toBe(false);
    expect(tokens.take(60)).toBe(true);
    expect(tokens.take(41)).toBe(false);
    expect(tokens.take(40)).toBe(true);
    time.nowMs = 10;
    expect([tokens.take(2), tokens.take(1)]).toEqual([false, true]);
  });

  it('may be charged more than is left, and gives nothing until that has come back', () => {
    const { time, tokens } = bucket({ perSecond: 50, burst: 50 });
    tokens.charge(75);
    expect([tokens.hasAny(), tokens.take(1)]).toEqual([false, false]);
    time.nowMs = 500;
    expect(tokens.hasAny()).toBe(false);
    time.nowMs = 520;
    expect([tokens.hasAny(), tokens.take(1)]).toEqual([true, true]);
  });

  it('owes one burst at the most, however long the work took', () => {
    const { time, tokens } = bucket({ perSecond: 50, burst: 50 });
    tokens.charge(60_000);
    tokens.charge(60_000);
    time.nowMs = 1_000;
    expect(tokens.hasAny()).toBe(false);
    time.nowMs = 1_020;
    expect(tokens.take(1)).toBe(true);
  });
});
