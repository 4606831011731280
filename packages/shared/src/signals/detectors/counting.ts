import type { Detector } from '../detector.ts';
import { weightOfFailure } from '../history.ts';
import { allRoutes, keyOf, secondsOf, type Tally } from '../history-model.ts';
import type { CountingSettings } from '../settings.ts';
import { highestCount, tallied } from '../tally.ts';
import { networkOf } from '../travel.ts';
import { raise } from './raise.ts';

/**
 * So many sign-ins of a user failed within the window. Those from a network that the user was never
 * on count three times: people mistype where they are, and who guesses is elsewhere.
 */
export const failedSignIns: Detector = {
  name: 'failed-sign-ins',
  kinds: new Set(['sign_in_failed']),
  observe(observation) {
    const settings = observation.settings['failed-sign-ins'];
    const { event, history } = observation;
    const weight = weightOfFailure(history, event);
    const count = countWith(history.failures, event.atMs, settings, weight);
    if (count < settings.count) return null;
    const from = networkOf(event.place);
    return raise('failed-sign-ins', settings, observation, {
      reason: `failed sign-ins within ${minutes(settings)} count ${String(count)}, the last from ${from}`,
      matter: from,
    });
  },
};

/** A user was refused so often on one route within the window, or twice as often on all together. */
export const denialBurst: Detector = {
  name: 'denial-burst',
  kinds: new Set(['denied']),
  observe(observation) {
    const { event, history } = observation;
    if (event.kind !== 'denied' || event.reasons.includes('session_other_device')) return null;
    const settings = observation.settings['denial-burst'];
    const countOn = (route: number): number => {
      const tally = history.denials.find((one) => one.route === route)?.tally ?? [];
      return countWith(tally, event.atMs, settings);
    };
    const raiseOn = (count: number, where: string, matter: string) =>
      raise('denial-burst', settings, observation, {
        reason: `refused ${String(count)} times within ${minutes(settings)} ${where}`,
        matter,
      });
    const onRoute = countOn(keyOf(event.route ?? ''));
    if (onRoute >= settings.count) {
      const where = event.route === null ? 'where no route is' : `on ${event.route}`;
      return raiseOn(onRoute, where, event.route ?? '');
    }
    const onAll = countOn(allRoutes);
    return onAll < 2 * settings.count ? null : raiseOn(onAll, 'on all routes together', '*');
  },
};

function countWith(tally: Tally, atMs: number, settings: CountingSettings, count = 1): number {
  const atS = secondsOf(atMs);
  return highestCount(tallied(tally, atS, count), atS, Math.ceil(settings.windowMs / 1000));
}

function minutes({ windowMs }: CountingSettings): string {
  return windowMs < 60_000
    ? `${String(Math.round(windowMs / 1000))} s`
    : `${String(Math.round(windowMs / 60_000))} min`;
}
