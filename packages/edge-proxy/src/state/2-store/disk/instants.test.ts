import { describe, expect, it } from 'vitest';
import { ageOf, before, type Instant, machineInstants } from './instants.ts';

const hourMs = 3_600_000;
const boot = 'ab'.repeat(16);
const then: Instant = { wallMs: 1_700_000_000_000, boot: { id: boot, ms: 10 * hourMs } };

/** Later by these, on each clock. */
function later(wallMs: number, bootMs: number, id = boot): Instant {
  return { wallMs: then.wallMs + wallMs, boot: { id, ms: 10 * hourMs + bootMs } };
}

describe('the age of what an earlier process wrote down', () => {
  it('is counted by the boot clock where the wall clock was set back in the same boot', () => {
    expect(ageOf(then, later(5_000 - hourMs, hourMs))).toBe(hourMs);
    expect(ageOf(then, later(5_000, hourMs))).toBe(hourMs);
  });

  it('is no less than the wall clock says, for a paused machine has a boot clock that lags', () => {
    expect(ageOf(then, later(hourMs, 5_000))).toBe(hourMs);
    expect(ageOf(then, later(hourMs, -9 * hourMs))).toBe(hourMs);
  });

  it('is counted by the wall clock after another boot, whatever the boot clocks say', () => {
    expect(ageOf(then, later(60_000, hourMs, 'cd'.repeat(16)))).toBe(60_000);
    expect(ageOf({ ...then, boot: null }, later(60_000, hourMs))).toBe(60_000);
    expect(ageOf(then, { wallMs: then.wallMs + 60_000, boot: null })).toBe(60_000);
  });

  it('is as old as can be where every clock stands before it', () => {
    expect(ageOf(then, later(-1, hourMs, 'cd'.repeat(16)))).toBeNull();
    expect(ageOf(then, later(-1, -1))).toBeNull();
    expect(ageOf({ ...then, boot: null }, { wallMs: then.wallMs - 1, boot: null })).toBeNull();
  });
});

it('a moment before the boot has no boot time', () => {
  expect(before(then, hourMs)).toEqual({
    wallMs: then.wallMs - hourMs,
    boot: { id: boot, ms: 9 * hourMs },
  });
  expect(before(then, 11 * hourMs).boot).toBeNull();
});

it('the machine’s boot clock goes on, and its boot stays the same', () => {
  const instants = machineInstants(Date.now);
  const first = instants();
  const second = machineInstants(Date.now)();
  expect(second.boot?.id).toBe(first.boot?.id);
  expect(second.boot?.ms ?? 0).toBeGreaterThanOrEqual(first.boot?.ms ?? 0);
});
