import { describe, expect, it } from 'vitest';
import { CoalescingLog } from './coalescing-log.ts';

function coalescing() {
  const time = { nowMs: 0 };
  const lines: unknown[] = [];
  const warn = (event: string, fields = {}): void => void lines.push({ event, ...fields });
  return { time, lines, log: new CoalescingLog({ warn }, 'test.flood', () => time.nowMs) };
}

describe('a coalescing log', () => {
  it('says the first of each key at once, then one line a second with their number', () => {
    const { time, lines, log } = coalescing();
    for (let rev = 1; rev <= 1_000; rev += 1) log.note('a config', { edge: 'a', rev });
    log.note('a revoke', { edge: 'a', rev: 7 });
    expect(lines).toEqual([
      { event: 'test.flood', edge: 'a', rev: 1, count: 1 },
      { event: 'test.flood', edge: 'a', rev: 7, count: 1 },
    ]);
    time.nowMs = 999;
    log.flush();
    expect(lines).toHaveLength(2);
    time.nowMs = 1_000;
    log.flush();
    log.flush();
    expect(lines.slice(2)).toEqual([{ event: 'test.flood', edge: 'a', rev: 1_000, count: 999 }]);
  });

  it('stays at one line a second while it goes on, whether or not it is flushed', () => {
    const { time, lines, log } = coalescing();
    for (; time.nowMs < 5_000; time.nowMs += 10) log.note('a', {});
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toMatchObject({ count: 100 });
  });

  it('says the first after a quiet second at once again, and keeps no key of before', () => {
    const { time, lines, log } = coalescing();
    log.note('a', { detail: 'one' });
    log.note('b', { detail: 'other' });
    expect(log.size).toBe(2);
    time.nowMs = 1_000;
    log.flush();
    expect(log.size).toBe(0);
    log.note('a', { detail: 'two' });
    time.nowMs = 5_000;
    log.note('a', { detail: 'three' });
    expect(lines.slice(2)).toMatchObject([
      { detail: 'two', count: 1 },
      { detail: 'three', count: 1 },
    ]);
  });
});
