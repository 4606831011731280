import { simulate } from './run.ts';

/** Lives the worlds of these seeds; what broke, with its trace, or nothing. */
export function runSeeds(from: number, seeds: number): string {
  for (let seed = from; seed < from + seeds; seed += 1) {
    const outcome = simulate(seed);
    if (!outcome.ok) return `seed ${seed}: ${outcome.violation}\n${outcome.trace}`;
  }
  return '';
}
