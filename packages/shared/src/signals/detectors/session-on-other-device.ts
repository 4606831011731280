import type { Detector } from '../detector.ts';
import { raise } from './raise.ts';

/** A session's cookie came with another device than the session was made on; the edge refused it. */
export const sessionOnOtherDevice: Detector = {
  name: 'session-on-other-device',
  kinds: new Set(['denied']),
  observe(observation) {
    const { event, settings } = observation;
    if (event.kind !== 'denied' || !event.reasons.includes('session_other_device')) return null;
    return raise('session-on-other-device', settings['session-on-other-device'], observation, {
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
