import type { Detector } from '../detector.ts';
import { keyOf } from '../history-model.ts';
import { endsOf } from '../travel.ts';
import { fastestJourney } from './journeys.ts';
import { raise } from './raise.ts';

/**
 * Two sessions of one user in use so far apart that one person was not at both, on whichever
 * devices. A computer that was left on at home looks the same: it weighs less than travel.
 */
export const distantSessions: Detector = {
  name: 'distant-sessions',
  kinds: new Set(['sighted', 'signed_in']),
  observe(observation) {
    const { event, history, settings } = observation;
    if (event.place === null || !('sid' in event)) return null;
    const session = keyOf(event.sid);
    const others = history.places.filter((seen) => seen.session !== session);
    const found = fastestJourney(event, others, history, settings['distant-sessions']);
    if (found === null) return null;
    return raise('distant-sessions', settings['distant-sessions'], observation, {
      reason: `two sessions: ${found.journey.reason}`,
      matter: endsOf(found.from.place, event.place),
      from: found.from,
    });
  },
};
