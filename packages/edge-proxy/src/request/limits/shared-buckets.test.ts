import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { arrive, type Pace } from './gcra.ts';
import { newBucketMemory, SharedBuckets } from './shared-buckets.ts';
import type { TakerWork } from './testing/taker.ts';

const pace: Pace = { intervalNs: 100n, burst: 3 };

/** A table with one set for each region. */
const small = () => newBucketMemory(16);

function buckets(memory = small()): { at: bigint; readonly all: SharedBuckets } {
  const clock = { at: 1_000n };
  return Object.assign(clock, { all: new SharedBuckets(memory, () => clock.at) });
}

describe('shared buckets', () => {
  it('count each name for itself, as a bucket of its own would', () => {
    const steps = fc.array(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
        gap: fc.bigInt({ min: 0n, max: 150n }),
        giveBack: fc.boolean(),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const shared = buckets();
        const arrivals = new Map<string, bigint>();
        for (const { name, gap, giveBack } of all) {
          shared.at += gap;
          const before = arrivals.get(name) ?? 0n;
          const after = arrive(before, shared.at, pace);
          expect(shared.all.take('other', name, pace).admitted).toBe(after !== null);
          if (after === null) continue;
          arrivals.set(name, giveBack ? after - pace.intervalNs : after);
          if (giveBack) shared.all.giveBack('other', name, pace);
        }
      }),
    );
  });

  it('forget what is nearest to full where there is no room, and never the busiest', () => {
    const shared = buckets();
    const take = (name: string, times: number) => {
      for (let turn = 0; turn < times; turn += 1) shared.all.take('other', name, pace);
    };
    take('busy', 3);
    for (let other = 0; other < 7; other += 1) take(`used twice ${other}`, 2);
    for (let other = 0; other < 50; other += 1) take(`used once ${other}`, 1);
    expect(shared.all.take('other', 'busy', pace).admitted).toBe(false);
    // A name that takes the cell of another begins anew.
    expect(shared.all.take('other', 'new', pace).left.requests).toBe(2);
  });

  it('keep addresses from washing out users', () => {
    const shared = buckets();
    for (let turn = 0; turn < 3; turn += 1) shared.all.take('other', 'alice', pace);
    for (let address = 0; address < 1_000; address += 1) {
      for (let turn = 0; turn < 3; turn += 1) shared.all.take('address', `${address}`, pace);
    }
    expect(shared.all.take('other', 'alice', pace).admitted).toBe(false);
  });

  it('cannot be aimed at: where a name falls differs from process to process', () => {
    const fillers = Array.from({ length: 400 }, (_, at) => `name ${at}`);
    // Who is pushed out by the same names says where the hash has put them.
    const survivors = () => {
      const shared = buckets(newBucketMemory(256));
      for (const name of fillers) {
        for (let turn = 0; turn < 3; turn += 1) shared.all.take('other', name, pace);
      }
      return fillers.filter((name) => !shared.all.take('other', name, pace).admitted).join();
    };
    expect(survivors()).not.toBe(survivors());
  });

  it('lose no request of another worker that counts in between', () => {
    const memory = small();
    const [one, two] = [buckets(memory), buckets(memory)];
    let between: (() => void) | null = () => void two.all.take('other', 'a', pace);
    // Asked for after the bucket was read and before it is written.
    const slow: Pace = {
      burst: pace.burst,
      get intervalNs() {
        const meddle = between;
        between = null;
        meddle?.();
        return pace.intervalNs;
      },
    };
    expect(one.all.take('other', 'a', slow)).toMatchObject({
      admitted: true,
      left: { requests: 1 },
    });
    expect(one.all.take('other', 'a', pace).left.requests).toBe(0);
    expect(two.all.take('other', 'a', pace).admitted).toBe(false);
  });

  it('are exact over two threads that take at the same instant', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const burst = 1_500;
    const gate = new SharedArrayBuffer(4);
    const work: TakerWork = {
      memory: small(),
      names,
      // Either could empty the buckets alone.
      times: 2_000,
      pace: { intervalNs: 1_000n, burst },
      gate,
    };
    const workers = ['one', 'two'].map(() => {
      const worker = new Worker(new URL('./testing/taker.ts', import.meta.url), {
        workerData: work,
      });
      onTestFinished(async () => void (await worker.terminate()));
      return worker;
    });
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const counts = workers.map(async (worker) => {
      const [admitted] = (await once(worker, 'message')) as [number[]];
      return admitted;
    });
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    const [one = [], two = []] = await Promise.all(counts);
    expect(names.map((_, at) => (one[at] ?? 0) + (two[at] ?? 0))).toEqual(names.map(() => burst));
  });
});
