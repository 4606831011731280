import type { Detector } from '../detector.ts';
import { keyOf, type PlaceSeen } from '../history-model.ts';
import { endsOf } from '../travel.ts';
import { likeliestJourney, ownDevice } from './journeys.ts';
import { raise } from './raise.ts';

/**
 * Two sessions of one user in use so far apart that one person was not at both. Devices that had
 * both been the user's before today may be in two places: a computer is left on, a telephone goes
 * out through its own country, and no thief has the key of either. Two sessions without a device,
 * or one on a new device, are doubted: a browser that was left open looks the same.
 */
export const distantSessions: Detector = {
  name: 'distant-sessions',
  kinds: new Set(['sighted', 'signed_in']),
  observe(observation) {
    const { event, history, settings } = observation;
    if (event.place === null || !('sid' in event)) return null;
    const session = keyOf(event.sid);
    const device = event.deviceId === null ? null : keyOf(event.deviceId);
    const own = ownDevice(event, history);
    const others = history.places.filter(
      (seen) =>
        seen.session !== session &&
        (device === null || seen.device !== device) &&
        !(own && seen.settled),
    );
    // Somebody who has a device is far away without one: that is what a thief looks like.
    const doubts = (from: PlaceSeen) =>
      (device === null && from.settled) || (own && from.device === null) ? 0 : 1;
    const found = likeliestJourney(event, others, history, settings['distant-sessions'], doubts);
    if (found === null) return null;
    return raise('distant-sessions', settings['distant-sessions'], observation, {
      reason: `two sessions: ${found.journey.reason}`,
      score: found.score,
      matter: endsOf(found.from.place, event.place),
      from: found.from,
    });
  },
};
