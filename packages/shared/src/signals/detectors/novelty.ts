import type { Detector } from '../detector.ts';
import { isFamiliar } from '../history.ts';
import { keyOf } from '../history-model.ts';
import { countryOf } from '../history-places.ts';
import { raise } from './raise.ts';

/** A device that the user was not seen with in half a year; the first of all is not new. */
export const newDevice: Detector = {
  name: 'new-device',
  kinds: new Set(['sighted', 'signed_in']),
  observe(observation) {
    const { event, history, settings } = observation;
    if (event.deviceId === null || history.devices.length === 0) return null;
    if (isFamiliar(history.devices, keyOf(event.deviceId), event.atMs)) return null;
    return raise('new-device', settings['new-device'], observation, {
      subject: 'device',
      subjectId: event.deviceId,
      reason: 'a device that the user was not seen with before',
      matter: event.userId,
    });
  },
};

/** A country that the user was not seen in for half a year; the first of all is not new. */
export const newCountry: Detector = {
  name: 'new-country',
  kinds: new Set(['sighted', 'signed_in']),
  observe(observation) {
    const { event, history, settings } = observation;
    const country = countryOf(event.place);
    if (country === null || history.countries.length === 0) return null;
    if (isFamiliar(history.countries, country, event.atMs)) return null;
    return raise('new-country', settings['new-country'], observation, {
      reason: `${country}, where the user was not seen before`,
      matter: country,
    });
  },
};
