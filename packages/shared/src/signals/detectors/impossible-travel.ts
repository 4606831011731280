import type { Detector, Observation } from '../detector.ts';
import { keyOf, type PlaceSeen } from '../history-model.ts';
import { travelThresholds } from '../settings.ts';
import { endsOf } from '../travel.ts';
import { likeliestJourney } from './journeys.ts';
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
    // A browser without a device may have been left open where its user signed in before.
    const leftOpen = (from: PlaceSeen) =>
      event.kind === 'signed_in' &&
      event.deviceId === null &&
      from.device === null &&
      from !== history.lastSignIn;
    const doubts = (from: PlaceSeen, bound: boolean) => Number(bound || leftOpen(from));
    const seen = comparable(observation);
    const found = likeliestJourney(event, seen, history, thresholds, doubts);
    if (found === null) return null;
    return raise('impossible-travel', thresholds, observation, {
      reason: found.journey.reason,
      score: found.score,
      matter: endsOf(found.from.place, event.place),
      from: found.from,
    });
  },
};

/**
 * What cannot be in two places: the device, the session; and the person, who alone signs in. A session
 * without a device that is not among the last places is as good as one that was just made: else
 * whoever makes many sessions could have another one forgotten, and use its cookie.
 */
function comparable({ event, history }: Observation): readonly PlaceSeen[] {
  if (event.kind !== 'sighted' && event.kind !== 'signed_in') return [];
  const device = event.deviceId === null ? null : keyOf(event.deviceId);
  const session = keyOf(event.sid);
  const forgotten = device === null && history.places.every((seen) => seen.session !== session);
  const signIn = event.kind === 'signed_in' || forgotten;
  const same = history.places.filter(
    (seen) =>
      seen.session === session ||
      (device !== null && seen.device === device) ||
      (signIn && (device === null || seen.device === null)),
  );
  return signIn && history.lastSignIn !== null ? [...same, history.lastSignIn] : same;
}
