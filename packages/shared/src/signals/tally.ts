import { limits, type Tally, type TallyEntry } from './history-model.ts';

const countMax = 2 ** 31;

/**
 * Counts one more, or so many more, at the time. Past the bound, two neighbours become one entry at the earlier
 * time: those that are close together for how long ago they are. So counts of short windows stay
 * exact for longest, and no window is ever counted too high.
 */
export function tallied(tally: Tally, atS: number, more = 1): Tally {
  const after = tally.findIndex((entry) => entry.atS >= atS);
  const at = after < 0 ? tally.length : after;
  const same = tally[at];
  if (same?.atS === atS) {
    return tally.with(at, { atS, count: Math.min(same.count + more, countMax) });
  }
  return bounded(tally.toSpliced(at, 0, { atS, count: more }));
}

/** The highest count of any window of this length that the time is in. */
export function highestCount(tally: Tally, atS: number, windowS: number): number {
  let highest = 0;
  for (const { atS: endS } of tally) {
    if (endS >= atS && endS < atS + windowS)
      highest = Math.max(highest, upTo(tally, endS, windowS));
  }
  return highest;
}

/** Without what happened so long before the time. */
export function since(tally: Tally, fromS: number): Tally {
  return tally.length > 0 && (tally[0] as TallyEntry).atS < fromS
    ? tally.filter((entry) => entry.atS >= fromS)
    : tally;
}

function upTo(tally: Tally, endS: number, windowS: number): number {
  let count = 0;
  for (const entry of tally) {
    if (entry.atS > endS - windowS && entry.atS <= endS) count += entry.count;
  }
  return count;
}

function bounded(tally: Tally): Tally {
  if (tally.length <= limits.tally) return tally;
  const newestS = (tally.at(-1) as TallyEntry).atS;
  let closest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i + 1 < tally.length; i += 1) {
    const [entry, next] = [tally[i] as TallyEntry, tally[i + 1] as TallyEntry];
    const gap = (next.atS - entry.atS) / (newestS - entry.atS + 1);
    if (gap < least) {
      least = gap;
      closest = i;
    }
  }
  const [entry, next] = [tally[closest] as TallyEntry, tally[closest + 1] as TallyEntry];
  return tally.toSpliced(closest, 2, {
    atS: entry.atS,
    count: Math.min(entry.count + next.count, countMax),
  });
}
