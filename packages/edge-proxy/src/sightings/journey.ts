import { isDismissed, type LastPlace } from '@sallyport/shared/signals/last-place';
import {
  type Journey,
  judgeTravel,
  type TravelThresholds,
  type TravelVerdict,
  travelVerdict,
  type Whereabouts,
} from '@sallyport/shared/signals/travel';
import { type Coming, type Spot, spotAt } from './seen-users.ts';

/** Who comes, and by the wall clock when. */
export interface Arrival extends Coming {
  /** Milliseconds since 1970. */
  readonly arrivedAtMs: number;
}

/** Where somebody is no further off than this, they are about there. */
const about: ReadonlySet<TravelVerdict['outcome']> = new Set([
  'near',
  'same-network',
  'same-country',
]);

// Filled anew for each comparison: nothing is made on the way of a request.
const from = { atMs: 0, deviceId: null as string | null, place: null as Whereabouts['place'] };
const here = { atMs: 0, deviceId: null as string | null, place: null as Whereabouts['place'] };

/**
 * The journey that nobody makes, of one known device or one session, to where somebody comes from: from the last place that the control
 * plane tells (null: none), and from where this worker saw the user. null: there is none, or none
 * that the control plane has not judged already, and that no person has dismissed.
 */
export function journeyTo(
  arrival: Arrival,
  spots: readonly Spot[],
  last: LastPlace | null,
  thresholds: TravelThresholds,
): Journey | null {
  here.atMs = arrival.arrivedAtMs;
  here.deviceId = arrival.deviceId;
  here.place = arrival.place;
  const verdict = last === null ? null : travelVerdict(last, here, thresholds);
  if (verdict?.outcome === 'journey' && isSame(arrival.deviceId, last)) {
    if (!isDismissed(last, last?.place ?? null, arrival.place)) return verdict.journey;
  }
  const isHere = verdict !== null && about.has(verdict.outcome);
  for (const spot of spots) {
    // The address is the same: what is known of it has changed, not where it is.
    if (spot.sourceAddress === arrival.sourceAddress) continue;
    if (spot.sid !== arrival.sid && !isSame(arrival.deviceId, spot)) continue;
    from.atMs = arrival.arrivedAtMs - (arrival.atMs - spot.seenAtMs);
    from.deviceId = spot.deviceId;
    from.place = spot.place;
    const journey = judgeTravel(from, here, thresholds);
    if (journey === null || isDismissed(last, spot.place, arrival.place)) continue;
    if (!isJudged(spot, spots, arrival, last, isHere)) return journey;
  }
  return null;
}

/** Whether it was the same known device. Two devices, or two sessions without, may be in two places. */
function isSame(
  deviceId: string | null,
  seen: { readonly deviceId: string | null } | null,
): boolean {
  return deviceId !== null && seen?.deviceId === deviceId;
}

/**
 * Whether the control plane has judged the way from that spot: it has spoken since it was told of
 * it, and knows that the user is here. What it says is in the lane then, and where it says nothing,
 * somebody may have dismissed it.
 */
function isJudged(
  spot: Spot,
  spots: readonly Spot[],
  { deviceId, place }: Arrival,
  last: Whereabouts | null,
  isHere: boolean,
): boolean {
  if (last === null || spot.lastPlaceAtMs === last.atMs) return false;
  const told = spotAt(spots, deviceId, place);
  return isHere || (told !== null && told.lastPlaceAtMs !== last.atMs);
}
