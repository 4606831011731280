import { defaultSettings } from '../settings.ts';
import { isDetectable } from './detectable.ts';
import type { UserMonth } from './month.ts';
import type { Watched } from './watch.ts';

/** What rules that ask for the risk see: all detectors together, at `alarmScore` or more. */
export interface Together {
  users: number;
  /** Somebody else used the user's cookie or password. */
  takeovers: number;
  /** Of the takeovers: a sign-in or a request of the thief met the risk. */
  stopped: number;
  /** Of the takeovers: those that anything could show. */
  detectable: number;
  /** Users who met it in a month without an attack, and on how many days. */
  disturbed: number;
  days: number;
}

export function noTogether(): Together {
  return { users: 0, takeovers: 0, stopped: 0, detectable: 0, disturbed: 0, days: 0 };
}

/** Adds one user: what the month with the attack and the same without it showed. */
export function addTogether(
  together: Together,
  month: UserMonth,
  innocent: UserMonth,
  seen: Watched,
  without: Watched,
): void {
  together.users += 1;
  together.days += without.alarmedDays.size;
  if (without.alarmedDays.size > 0) together.disturbed += 1;
  const { attack } = month;
  if (attack?.meantFor.includes('impossible-travel') !== true) return;
  together.takeovers += 1;
  const ids = new Set(innocent.events.map(({ id }) => id));
  if ([...seen.alarmed].some((id) => !ids.has(id))) together.stopped += 1;
  const could = attack.meantFor.some((name) =>
    isDetectable(name, month, innocent, defaultSettings),
  );
  if (could) together.detectable += 1;
}
