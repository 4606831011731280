import type { Detector } from '../detector.ts';
import { keyOf, secondsOf, type Tally } from '../history-model.ts';
import type { CountingSettings } from '../settings.ts';
import { highestCount, tallied } from '../tally.ts';
import { networkOf } from '../travel.ts';
import { raise } from './raise.ts';

/** So many sign-ins of a user failed within the window. */
export const failedSignIns: Detector = {
  name: 'failed-sign-ins',
  kinds: new Set(['sign_in_failed']),
  observe(observation) {
    const settings = observation.settings['failed-sign-ins'];
    const count = countWith(observation.history.failures, observation.event.atMs, settings);
    if (count < settings.count) return null;
    const from = networkOf(observation.event.place);
    return raise('failed-sign-ins', settings, observation, {
      reason: `${String(count)} sign-ins failed within ${minutes(settings)}, the last from ${from}`,
      matter: from,
    });
  },
};

/** A user was refused so often on one route within the window. */
export const denialBurst: Detector = {
  name: 'denial-burst',
  kinds: new Set(['denied']),
  observe(observation) {
    const { event, history } = observation;
    if (event.kind !== 'denied') return null;
    const settings = observation.settings['denial-burst'];
    const route = keyOf(event.route ?? '');
    const tally = history.denials.find((one) => one.route === route)?.tally ?? [];
    const count = countWith(tally, event.atMs, settings);
    if (count < settings.count) return null;
    const where = event.route === null ? 'where no route is' : `on ${event.route}`;
    return raise('denial-burst', settings, observation, {
      reason: `refused ${String(count)} times within ${minutes(settings)} ${where}`,
      matter: event.route ?? '',
    });
  },
};

function countWith(tally: Tally, atMs: number, settings: CountingSettings): number {
  const atS = secondsOf(atMs);
  return highestCount(tallied(tally, atS), atS, Math.ceil(settings.windowMs / 1000));
}

function minutes({ windowMs }: CountingSettings): string {
  return windowMs < 60_000
    ? `${String(Math.round(windowMs / 1000))} s`
    : `${String(Math.round(windowMs / 60_000))} min`;
}
