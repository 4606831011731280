import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterRequest,
  phaseOf,
  type Result,
  type Standing,
  sound,
  timesMax,
  trying,
} from './ejection.ts';

const limits = { failures: 3, timeMs: 1_000, percentMax: 50 };

/** Targets to which requests go, as a worker keeps them. */
class Fleet {
  standings: Standing[];
  nowMs = 1_000_000;
  readonly #limits: typeof limits;

  constructor(count: number, of = limits) {
    this.standings = Array.from({ length: count }, () => sound);
    this.#limits = of;
  }

  phase(at: number) {
    return phaseOf(this.standings[at] ?? sound, this.nowMs);
  }

  /** Begins a request; true: it is the one that tries. */
  begin(at: number): boolean {
    const tried = this.phase(at) === 'half_open';
    if (tried) this.standings[at] = trying(this.standings[at] ?? sound, this.nowMs);
    return tried;
  }

  end(at: number, result: Result, tried = false): void {
    this.standings[at] = afterRequest(
      this.standings,
      at,
      { result, tried },
      this.nowMs,
      this.#limits,
    );
  }

  fail(at: number, times: number): void {
    for (let count = 0; count < times; count += 1) this.end(at, 'failed');
  }
}

describe('ejection', () => {
  it('leaves a target out after failures in a row, and no sooner', () => {
    const fleet = new Fleet(2);
    fleet.fail(0, 2);
    fleet.end(0, 'ok');
    fleet.fail(0, 2);
    fleet.end(0, 'given_up');
    expect(fleet.phase(0)).toBe('in');
    fleet.fail(0, 1);
    expect(fleet.phase(0)).toBe('out');
  });

  it('lets one request try when the time is over, and believes that one alone', () => {
    const fleet = new Fleet(2);
    fleet.fail(0, 3);
    fleet.nowMs += 999;
    expect(fleet.phase(0)).toBe('out');
    fleet.nowMs += 1;
    expect(fleet.begin(0)).toBe(true);
    expect(fleet.phase(0)).toBe('out');
    // One that was under way all the while.
    fleet.end(0, 'ok');
    expect(fleet.phase(0)).toBe('out');
    fleet.end(0, 'given_up', true);
    expect(fleet.begin(0)).toBe(true);
    fleet.end(0, 'ok', true);
    expect(fleet.phase(0)).toBe('in');
  });

  it('lets another try where the one that tries takes as long as the target was out', () => {
    const fleet = new Fleet(2);
    fleet.fail(0, 3);
    fleet.nowMs += limits.timeMs;
    expect(fleet.begin(0)).toBe(true);
    fleet.nowMs += limits.timeMs - 1;
    expect(fleet.begin(0)).toBe(false);
    fleet.nowMs += 1;
    expect(fleet.begin(0)).toBe(true);
    fleet.end(0, 'ok', true);
    expect(fleet.phase(0)).toBe('in');
    // What the first one comes to is one word among others by now.
    fleet.end(0, 'failed', true);
    expect(fleet.phase(0)).toBe('in');
  });

  it('leaves a target out for longer each time, up to a bound, and forgets that in the end', () => {
    const fleet = new Fleet(2);
    fleet.fail(0, 3);
    for (let times = 2; times <= timesMax + 3; times += 1) {
      fleet.nowMs += limits.timeMs * timesMax;
      fleet.begin(0);
      fleet.end(0, 'failed', true);
      expect(fleet.standings[0]?.out?.forMs).toBe(limits.timeMs * Math.min(times, timesMax));
    }
    fleet.nowMs += limits.timeMs * timesMax;
    fleet.begin(0);
    fleet.end(0, 'ok', true);
    fleet.nowMs += limits.timeMs * timesMax;
    fleet.fail(0, 3);
    expect(fleet.standings[0]?.out?.forMs).toBe(limits.timeMs);
  });

  it('does not keep a target out when the clock is set back', () => {
    const fleet = new Fleet(2);
    fleet.fail(0, 3);
    fleet.nowMs -= 3_600_000;
    expect(fleet.phase(0)).toBe('half_open');
  });

  it('never leaves out the only target, nor more than the share, whatever happens', () => {
    const step = fc.record({
      at: fc.nat(31),
      result: fc.constantFrom<Result>('ok', 'failed', 'failed', 'failed', 'given_up'),
      afterMs: fc.nat(1_500),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 100 }),
        fc.array(step, { maxLength: 200 }),
        (count, percentMax, steps) => {
          const fleet = new Fleet(count, { ...limits, failures: 1, percentMax });
          for (const { at, result, afterMs } of steps) {
            const target = at % count;
            fleet.end(target, result, fleet.begin(target));
            fleet.nowMs += afterMs;
            const out = fleet.standings.filter((standing) => standing.out !== null).length;
            expect(out).toBeLessThan(Math.max(count, 1));
            expect(out * 100).toBeLessThanOrEqual(percentMax * count);
          }
          // None is lost: each is tried again within the longest time.
          fleet.nowMs += limits.timeMs * timesMax;
          for (let at = 0; at < count; at += 1) expect(fleet.phase(at)).not.toBe('out');
        },
      ),
    );
  });
});
