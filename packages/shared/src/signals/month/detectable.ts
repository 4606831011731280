import type { SignalEvent } from '../events.ts';
import type { DetectorName } from '../finding.ts';
import { type DetectorSettings, windowMsMax } from '../settings.ts';
import { travelVerdict } from '../travel.ts';
import type { UserMonth } from './month.ts';

/**
 * Whether anything in the events could show the attack to somebody who knew which of them were the
 * attacker's. Of travel: one of them cannot be by the same person as one of the user's, by the same
 * data and thresholds; an attacker from the same city or network, from an address that the data do
 * not know, or at a time when the user was not there for hours, cannot be shown by any rule. Of
 * failures: they are at least as many as one who mistypes makes.
 */
export function isDetectable(
  name: DetectorName,
  { attack, events }: UserMonth,
  innocent: UserMonth,
  settings: DetectorSettings,
): boolean {
  if (attack?.meantFor.includes(name) !== true) return false;
  const ids = new Set(innocent.events.map(({ id }) => id));
  const theirs = events.filter(({ id }) => !ids.has(id));
  if (name === 'failed-sign-ins') return new Set(theirs.map(({ id }) => id)).size > mistypedMax;
  if (name !== 'impossible-travel' && name !== 'distant-sessions') return true;
  const users = innocent.events.filter(({ kind }) => kind === 'sighted' || kind === 'signed_in');
  return theirs.some((event) => users.some((other) => isJourney(event, other)));

  function isJourney(a: SignalEvent, b: SignalEvent): boolean {
    if (Math.abs(a.atMs - b.atMs) > windowMsMax) return false;
    const bare = ({ atMs, place }: SignalEvent) => ({ atMs, place, deviceId: null });
    const thresholds = settings[name as 'impossible-travel' | 'distant-sessions'];
    return travelVerdict(bare(a), bare(b), thresholds).outcome === 'journey';
  }
}

/** So many tries everybody needs now and then. */
const mistypedMax = 3;
