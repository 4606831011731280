import { doubtsOf, scoreOf } from '../confidence.ts';
import type { SignalEvent } from '../events.ts';
import { daysOn, isSettled, type UserHistory } from '../history.ts';
import { familiarAfterDays, keyOf, type PlaceSeen, regularAfterDays } from '../history-model.ts';
import { type Journey, judgeTravel, type TravelThresholds } from '../travel.ts';

/** The impossible journey from a place where the user was, and that place. */
export interface JourneyFrom {
  readonly journey: Journey;
  readonly from: PlaceSeen;
  readonly score: number;
}

/** How many more reasons there are to doubt a journey than it shows by itself. */
type Doubts = (from: PlaceSeen, bound: boolean) => number;

/**
 * The journey to the event's place that weighs most, of those the fastest; null: all were possible,
 * or each has more to doubt than to say. The two sides may be of two devices here.
 *
 * Whoever steals comes from where the user does not: a way between two networks that the user is
 * on regularly is doubted, and between two that the user is at home on it is none. So is a way
 * within a country where both ends have a device: data on places jump when somebody changes from one
 * provider to another. Devices that had been the user's before today are each bound to a key that a
 * thief does not have.
 */
export function likeliestJourney(
  event: SignalEvent,
  seen: readonly PlaceSeen[],
  history: UserHistory,
  settings: TravelThresholds & { readonly score: number },
  more: Doubts,
): JourneyFrom | null {
  const { place, atMs, deviceId } = event;
  if (place === null) return null;
  const to = { atMs, deviceId: null, place };
  const [days, settled] = [daysOn(history, place, atMs), ownDevice(event, history)];
  const device = deviceId === null ? null : keyOf(deviceId);
  let best: JourneyFrom | null = null;
  for (const from of seen) {
    const start = { atMs: from.atS * 1000, deviceId: null, place: from.place };
    const journey = judgeTravel(start, to, settings);
    if (journey === null) continue;
    if (journey.withinCountry && device !== null && from.device !== null) continue;
    const daysOnBoth = Math.min(days, daysOn(history, from.place, atMs));
    if (daysOnBoth >= familiarAfterDays) continue;
    const bound = device !== null && (from.device === device || (settled && from.settled));
    const doubts = doubtsOf(journey) + Number(daysOnBoth >= regularAfterDays) + more(from, bound);
    const score = scoreOf(settings.score, doubts);
    if (score !== null && isBetter(best, score, journey)) best = { journey, from, score };
  }
  return best;
}

/** Whether the event's device had been the user's before its day. */
export function ownDevice({ deviceId, atMs }: SignalEvent, history: UserHistory): boolean {
  return deviceId !== null && isSettled(history, deviceId, atMs);
}

function isBetter(best: JourneyFrom | null, score: number, { speedKmh }: Journey): boolean {
  if (best === null || score !== best.score) return best === null || score > best.score;
  return speedKmh > best.journey.speedKmh;
}
