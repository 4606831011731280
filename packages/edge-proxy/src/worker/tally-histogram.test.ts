import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { TallyHistogram } from './tally-histogram.ts';

const options = { name: 'times', help: 'times', buckets: [0.001, 0.01, 0.1], scale: 1_000 };
const { scale: _, ...prom } = options;
const kinds = ['a', 'b'] as const;

describe('a histogram of what is counted by hand', () => {
  it('says the same as one of prom-client that was given the same values', async () => {
    const one = fc.record({
      kind: fc.constantFrom(...kinds),
      ms: fc.integer({ min: 0, max: 200 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one), async (all) => {
        const ours = new TallyHistogram({
          ...options,
          labelNames: ['kind'],
          kinds,
          registers: [new Registry()],
        });
        const theirs = new Histogram({ ...prom, labelNames: ['kind'], registers: [] });
        for (const kind of kinds) theirs.zero({ kind });
        for (const { kind, ms } of all) {
          ours.tally(kind).observe(ms);
          theirs.observe({ kind }, ms / 1_000);
        }
        const said = async (histogram: Histogram<string>) =>
          (await histogram.get()).values.map(({ metricName, labels, value }) => [
            metricName,
            labels['kind'],
            labels['le'],
            Math.round(value * 1e9),
          ]);
        expect(await said(ours)).toEqual(await said(theirs));
      }),
      { numRuns: 50 },
    );
  });

  it('counts nothing that is no time', async () => {
    const registers = [new Registry()];
    const histogram = new TallyHistogram({ ...options, labelNames: [], kinds: ['all'], registers });
    for (const ms of [Number.NaN, -1, -0.001]) histogram.tally('all').observe(ms);
    const { values } = await histogram.get();
    expect(values.map(({ value }) => value)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
