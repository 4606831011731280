import { describe, expect, it } from 'vitest';
import { simulate } from './run.ts';
import { runSeeds } from './seeds.ts';

const chunk = 500;
const chunkMsMax = 600_000;

describe('the protocol in a great many worlds', () => {
  // The first 300 are of the short run.
  it.each([301, 801, ...Array.from({ length: 40 }, (_, index) => 10_001 + index * chunk)])(
    'keeps its invariants and comes to rest (%d and the 499 seeds after it)',
    (from) => {
      expect(runSeeds(from, chunk)).toBe('');
    },
    chunkMsMax,
  );
});

describe('the protocol in large worlds', () => {
  it.each([
    [50_001, true],
    [50_002, false],
  ])(
    'keeps its invariants with two thousand edges (seed %d)',
    { timeout: chunkMsMax },
    (seed, nats) => {
      const outcome = simulate(seed, { size: { edges: 2_000, replicas: 3, nats } });
      expect(outcome.ok ? '' : outcome.violation).toBe('');
    },
  );
});
