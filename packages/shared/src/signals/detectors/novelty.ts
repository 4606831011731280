import { weighed } from '../confidence.ts';
import type { Detector } from '../detector.ts';
import { daysOn, isFamiliar, isStrange } from '../history.ts';
import { keyOf, regularAfterDays, type UserHistory } from '../history-model.ts';
import { countryOf } from '../history-places.ts';
import type { KnownPlace } from '../place.ts';
import { ownDevice } from './journeys.ts';
import { raise } from './raise.ts';

/**
 * A device that the user was not seen with in half a year. Where the user regularly is, or behind a
 * known way out, it weighs half: that is where people get a new one. The first of all is not new,
 * unless it comes from where somebody who had none was never seen.
 */
export const newDevice: Detector = {
  name: 'new-device',
  kinds: new Set(['sighted', 'signed_in']),
  observe(observation) {
    const { event, history, settings } = observation;
    const { deviceId, place, atMs } = event;
    if (deviceId === null || isFamiliar(history.devices, keyOf(deviceId), atMs)) return null;
    if (history.devices.length === 0 && !isStrange(history, place, atMs)) return null;
    const usual = place !== null && (place.egress !== null || isRegular(history, place, atMs));
    return raise('new-device', settings['new-device'], observation, {
      subject: 'device',
      subjectId: deviceId,
      score: weighed(settings['new-device'].score, Number(usual)),
      reason: 'a device that the user was not seen with before',
      matter: event.userId,
    });
  },
};

/**
 * A country that the user was not seen in for half a year; the first of all is not new. On a device
 * that had been the user's before today it weighs half: the user travels, and the thief has no key.
 */
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
      score: weighed(settings['new-country'].score, Number(ownDevice(event, history))),
      matter: country,
    });
  },
};

/** Whether the user was on the place's network on more than one day. */
export function isRegular(history: UserHistory, place: KnownPlace | null, atMs: number): boolean {
  return daysOn(history, place, atMs) >= regularAfterDays;
}
