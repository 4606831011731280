import type { Detector, Observation } from '../detector.ts';
import type { SignalEvent } from '../events.ts';
import { keyOf, type PlaceSeen } from '../history-model.ts';
import { travelThresholds } from '../settings.ts';
import { endsOf, type Journey, travelVerdict } from '../travel.ts';
import { raise } from './raise.ts';

/**
 * One device, or one person, in two places that nobody gets to so fast. Two known devices may be in
 * two places (distant-sessions looks at those); somebody who signs in here and there may not.
 */
export const impossibleTravel: Detector = {
  name: 'impossible-travel',
  kinds: new Set(['sighted', 'signed_in']),
  observe(observation) {
    const { event, settings, groups } = observation;
    const place = event.place;
    const thresholds = travelThresholds(settings, groups);
    if (place === null || !thresholds.enabled) return null;
    let worst: { readonly journey: Journey; readonly seen: PlaceSeen } | null = null;
    for (const seen of comparable(observation)) {
      const verdict = travelVerdict(whereabouts(seen), here(event), thresholds);
      if (verdict.outcome !== 'journey') continue;
      if (worst === null || verdict.journey.speedKmh > worst.journey.speedKmh) {
        worst = { journey: verdict.journey, seen };
      }
    }
    if (worst === null) return null;
    return raise('impossible-travel', thresholds, observation, {
      reason: worst.journey.reason,
      matter: endsOf(worst.seen.place, place),
    });
  },
};

function comparable({ event, history }: Observation): readonly PlaceSeen[] {
  const device = deviceOf(event);
  const same = history.places.filter(
    (seen) => device === null || seen.device === null || seen.device === device,
  );
  return event.kind === 'signed_in' && history.lastSignIn !== null
    ? [...same, history.lastSignIn]
    : same;
}

function deviceOf(event: SignalEvent): number | null {
  return event.deviceId === null ? null : keyOf(event.deviceId);
}

// Which devices they are of has been looked at: both are of one traveller here.
function whereabouts(seen: PlaceSeen) {
  return { atMs: seen.atS * 1000, deviceId: null, place: seen.place };
}
function here(event: SignalEvent) {
  return { atMs: event.atMs, deviceId: null, place: event.place };
}
