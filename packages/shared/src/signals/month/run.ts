import type { DetectorSettings } from '../settings.ts';
import { choose } from './choose.ts';
import { type Measures, measure } from './measure.ts';
import { report } from './report.ts';

/**
 * Chooses thresholds over the users with even numbers, and measures them over the others, whom
 * the choice has not seen.
 */
export function runMonth(
  seed: number,
  count: number,
): { readonly chosen: DetectorSettings; readonly measures: Measures; readonly text: string } {
  const chosen = choose({ seed, count, half: 0 });
  const measures = measure({ seed, count, half: 1 }, chosen);
  return { chosen, measures, text: report(measures, chosen, count / 2) };
}
