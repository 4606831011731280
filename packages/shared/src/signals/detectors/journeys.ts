import type { SignalEvent } from '../events.ts';
import { isAtHome, type UserHistory } from '../history.ts';
import type { PlaceSeen } from '../history-model.ts';
import { type Journey, judgeTravel, type TravelThresholds } from '../travel.ts';

/** The impossible journey from a place where the user was, and that place. */
export interface JourneyFrom {
  readonly journey: Journey;
  readonly from: PlaceSeen;
}

/**
 * The fastest of the journeys to the event's place; null: all were possible. The two sides may be
 * of two devices here. Within a country the data on places jump when somebody changes from one
 * provider to another: known devices are believed there, and so is who changes between two networks
 * that the user is at home on.
 */
export function fastestJourney(
  event: SignalEvent,
  seen: readonly PlaceSeen[],
  history: UserHistory,
  thresholds: TravelThresholds,
): JourneyFrom | null {
  const { place, atMs, deviceId } = event;
  if (place === null) return null;
  const atHome = isAtHome(history, place, atMs);
  const to = { atMs, deviceId: null, place };
  let fastest: JourneyFrom | null = null;
  for (const from of seen) {
    const start = { atMs: from.atS * 1000, deviceId: null, place: from.place };
    const journey = judgeTravel(start, to, thresholds);
    if (journey === null || journey.speedKmh <= (fastest?.journey.speedKmh ?? 0)) continue;
    const devices = deviceId !== null && from.device !== null;
    const homes = atHome && isAtHome(history, from.place, atMs);
    if (journey.withinCountry && (devices || homes)) continue;
    fastest = { journey, from };
  }
  return fastest;
}
