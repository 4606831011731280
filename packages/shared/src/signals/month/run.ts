import type { DetectorSettings } from '../settings.ts';
import { choose } from './choose.ts';
import { type Measured, measure } from './measure.ts';
import { report } from './report.ts';

/**
 * Chooses thresholds over the users with even numbers, and measures them over those with odd ones,
 * whom the choice has not seen, and over as many of another seed, whom whoever wrote the detectors
 * has not seen either.
 */
export function runMonth(
  seed: number,
  count: number,
): { readonly chosen: DetectorSettings; readonly measured: Measured; readonly text: string } {
  const chosen = choose({ seed, count, half: 0 });
  const over = (one: number) => measure({ seed: one, count, half: 1 }, chosen);
  const measured = over(seed);
  const text = [
    `The other half of seed ${String(seed)}:\n`,
    report(measured, chosen, count / 2),
    `\nUsers of seed ${String(seed + 2)}:\n`,
    report(over(seed + 2), chosen, count / 2),
  ];
  return { chosen, measured, text: text.join('\n') };
}
