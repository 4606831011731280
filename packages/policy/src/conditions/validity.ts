import { readInstant } from '../read.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';
import { firstAfter } from './age.ts';
import type { ConditionKind } from './condition.ts';

/** `notBefore`: the instant has come. */
export const notBefore: ConditionKind = {
  compile(value, place) {
    const atMs = readInstant(value, place);
    if (atMs === null) return null;
    return {
      field: 'notBefore',
      holds: (view) => hasCome(atMs, view),
      changesAtMs: ({ facts }) => firstAfter(facts.nowMs, [atMs]),
      reason: () => 'access_not_begun',
      fact: () => 'now',
    };
  },
};

/** `notAfter`: the instant has not come. */
export const notAfter: ConditionKind = {
  compile(value, place) {
    const atMs = readInstant(value, place);
    if (atMs === null) return null;
    return {
      field: 'notAfter',
      holds: (view) => opposite(hasCome(atMs, view)),
      changesAtMs: ({ facts }) => firstAfter(facts.nowMs, [atMs]),
      reason: () => 'access_over',
      fact: () => 'now',
    };
  },
};

function hasCome(atMs: number, { facts: { nowMs } }: View): Truth {
  return Number.isFinite(nowMs) ? truthOf(nowMs >= atMs) : 'unknown';
}

function opposite(value: Truth): Truth {
  if (value === 'true') return 'false';
  return value === 'false' ? 'true' : value;
}
