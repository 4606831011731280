import type { Journey } from './travel.ts';

/** A score below which a finding only tells, and from which it is meant to ask for more or refuse. */
export const alarmScore = 60;
/** With so many reasons to doubt a journey there is none. */
const doubtsMax = 1;

/** What is left of a score: each reason to doubt halves it. */
export function weighed(score: number, doubts: number): number {
  return Math.max(1, Math.round(score / 2 ** doubts));
}

/**
 * How many reasons there are to doubt a journey, of those that the two ends themselves give:
 *
 * - one device at both ends: its key does not leave it, so a thief does not have it; a tunnel, a
 *   telephone that roams through its own country and wrong data look like this;
 * - one network, in two countries: a relay that changes its exits, or a provider whose addresses
 *   are put in another country. Whoever steals comes from another network as a rule;
 * - one country: the data on places put the addresses of a country anywhere in it.
 */
export function doubtsOf({ oneDevice, oneNetwork, withinCountry }: Journey): number {
  return Number(oneDevice) + Number(oneNetwork) + Number(withinCountry);
}

/** The score of a journey; null: there is more to doubt than to say. */
export function scoreOf(score: number, doubts: number): number | null {
  return doubts > doubtsMax ? null : weighed(score, doubts);
}

/** This score and those that the same thing has with less to doubt. */
export function scoresFrom(score: number, fullScore: number): readonly number[] {
  const heavier = [0, 1].map((doubts) => weighed(fullScore, doubts));
  return [score, ...heavier.filter((one) => one > score)];
}
