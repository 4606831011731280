import type { Detector, Observation } from '../detector.ts';
import { keyOf, type PlaceSeen } from '../history-model.ts';
import { travelThresholds } from '../settings.ts';
import { endsOf } from '../travel.ts';
import { fastestJourney } from './journeys.ts';
import { raise } from './raise.ts';

/**
 * One device, one session or one person in two places that nobody gets to so fast. Two known devices
 * may be in two places (distant-sessions looks at those); somebody who signs in here and there may
 * not.
 */
export const impossibleTravel: Detector = {
  name: 'impossible-travel',
  kinds: new Set(['sighted', 'signed_in']),
  observe(observation) {
    const { event, history, settings, groups } = observation;
    const thresholds = travelThresholds(settings, groups);
    if (event.place === null || !thresholds.enabled) return null;
    const found = fastestJourney(event, comparable(observation), history, thresholds);
    if (found === null) return null;
    return raise('impossible-travel', thresholds, observation, {
      reason: found.journey.reason,
      matter: endsOf(found.from.place, event.place),
      from: found.from,
    });
  },
};

/** What cannot be in two places: the device, the session; and the person, who alone signs in. */
function comparable({ event, history }: Observation): readonly PlaceSeen[] {
  if (event.kind !== 'sighted' && event.kind !== 'signed_in') return [];
  const device = event.deviceId === null ? null : keyOf(event.deviceId);
  const session = keyOf(event.sid);
  const signIn = event.kind === 'signed_in';
  const same = history.places.filter(
    (seen) =>
      seen.session === session ||
      (device !== null && seen.device === device) ||
      (signIn && (device === null || seen.device === null)),
  );
  return signIn && history.lastSignIn !== null ? [...same, history.lastSignIn] : same;
}
