import type { Detector } from '../detector.ts';
import { keyOf } from '../history-model.ts';
import { endsOf, judgeTravel } from '../travel.ts';
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
    const to = { atMs: event.atMs, deviceId: null, place: event.place };
    for (const seen of history.places) {
      if (seen.session === session) continue;
      const from = { atMs: seen.atS * 1000, deviceId: null, place: seen.place };
      const journey = judgeTravel(from, to, settings['distant-sessions']);
      if (journey === null) continue;
      return raise('distant-sessions', settings['distant-sessions'], observation, {
        reason: `two sessions: ${journey.reason}`,
        matter: endsOf(seen.place, event.place),
      });
    }
    return null;
  },
};
