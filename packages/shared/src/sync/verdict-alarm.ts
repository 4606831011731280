import type { AlarmName } from './edge-lane-model.ts';
import type { Verdict } from './verification-keys.ts';

/**
 * The alarm of a signature that is not acted upon. That a key is not live is mostly a clock that is
 * wrong, here or there, and that a key is not known a rotation that was missed: no forgeries.
 */
export function verdictAlarm(verdict: Exclude<Verdict, 'ok'>): AlarmName {
  switch (verdict) {
    case 'unknown_key':
    case 'not_live':
      return verdict;
    case 'wrong_purpose':
    case 'forged':
      return 'forged';
  }
}
