import { weighed } from '../confidence.ts';
import type { Detector } from '../detector.ts';
import { ownDevice } from './journeys.ts';
import { isRegular } from './novelty.ts';
import { raise } from './raise.ts';

/**
 * A session's cookie came with another device than the session was made on; the edge refused it.
 * With a device of the same user, or from where the user regularly is, it weighs half: browsers copy
 * their cookies when somebody gets a new computer.
 */
export const sessionOnOtherDevice: Detector = {
  name: 'session-on-other-device',
  kinds: new Set(['denied']),
  observe(observation) {
    const { event, history, settings } = observation;
    if (event.kind !== 'denied' || !event.reasons.includes('session_other_device')) return null;
    const own = ownDevice(event, history) || isRegular(history, event.place, event.atMs);
    const plain = settings['session-on-other-device'];
    return raise('session-on-other-device', plain, observation, {
      score: weighed(plain.score, Number(own)),
      subject: 'session',
      subjectId: event.sid,
      reason:
        event.deviceId === null
          ? "the session's cookie came without its device"
          : "the session's cookie came with another device",
      matter: event.deviceId ?? '',
    });
  },
};
