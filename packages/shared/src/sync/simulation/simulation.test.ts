import { describe, expect, it } from 'vitest';
import { failedSeeds } from './failed-seeds.ts';
import { type Sabotage, simulate } from './run.ts';
import { runSeeds } from './seeds.ts';

const chunk = 100;
const chunkMsMax = 120_000;

describe('the protocol in small worlds, with everything going wrong that can', () => {
  it.each(Array.from({ length: 3 }, (_, index) => 1 + index * chunk))(
    'keeps its invariants and comes to rest (%d and the 99 seeds after it)',
    (from) => {
      expect(runSeeds(from, chunk)).toBe('');
    },
    chunkMsMax,
  );

  it('keeps them where it once did not', { timeout: chunkMsMax }, () => {
    for (const seed of failedSeeds) expect(runSeeds(seed, 1)).toBe('');
  });

  it('lives the same world again from the same seed', () => {
    expect(simulate(11)).toEqual(simulate(11));
  });
});

describe('the simulator', () => {
  it.each<[string, Sabotage]>([
    ['forgets its journal', 'forget_journal'],
    ['lifts ahead of the turn', 'lift_early'],
    ['believes what is not signed', 'believe_forged'],
    ['applies frames behind a gap', 'skip_gaps'],
    ['carries no blocks into a new epoch', 'carry_nothing'],
    ['forgets at a restart what it enforced early', 'forget_early'],
    ['does not tell that it carries nothing any more', 'tell_no_end'],
  ])('finds out an edge that %s', { timeout: chunkMsMax }, (_, sabotage) => {
    const seeds = Array.from({ length: 400 }, (__, index) => index + 1);
    const found = seeds.find((seed) => !simulate(seed, { sabotage }).ok);
    expect(found).toBeDefined();
  });
});
