import {
  complain,
  type Place,
  readEntries,
  readFields,
  readName,
  readNumber,
  readOptional,
} from '../read.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';
import type { ConditionKind } from './condition.ts';

interface Wanted {
  readonly atLeast: number;
  readonly below: number;
  readonly signals: readonly string[] | null;
}

/** `risk`: how unusual the access is, and what was noticed. Unknown where nobody judged it. */
export const risk: ConditionKind = {
  compile(value, place) {
    const fields = readFields(value, place, [], ['atLeast', 'below', 'signals']);
    if (fields === null) return null;
    if (fields.size === 0) return complain(place, 'must not be empty');
    const atLeast = readOptional(fields, 'atLeast', place, (score, at) =>
      readNumber(score, at, 0, 100),
    );
    const below = readOptional(fields, 'below', place, (score, at) =>
      readNumber(score, at, 1, 100),
    );
    const signals = readOptional(fields, 'signals', place, readSignals);
    if (atLeast === null || below === null || signals === null) return null;
    const wanted: Wanted = {
      atLeast: atLeast ?? 0,
      below: below ?? Number.POSITIVE_INFINITY,
      signals: signals ?? null,
    };
    if (wanted.atLeast >= wanted.below)
      return complain(place, 'can never hold: atLeast is not below below');
    return {
      field: 'risk',
      holds: (view) => evaluate(wanted, view),
      changesAtMs: riskChangesAtMs,
      reason: ({ facts }) =>
        facts.risk !== null && facts.risk.score >= wanted.below ? 'risk_too_high' : null,
      fact: () => 'risk',
    };
  },
};

/** When time alone makes the risk another; a record of an earlier version does not tell. */
export function riskChangesAtMs({ facts }: View): number {
  return facts.risk?.untilMs ?? Number.MAX_SAFE_INTEGER;
}

function readSignals(value: unknown, place: Place): readonly string[] | null {
  return readEntries(value, place, readName);
}

function evaluate({ atLeast, below, signals }: Wanted, { facts }: View): Truth {
  const found = facts.risk ?? null;
  if (found === null || !(found.score >= 0 && found.score <= 100)) return 'unknown';
  const scored = found.score >= atLeast && found.score < below;
  return truthOf(scored && (signals?.some((name) => found.signals.includes(name)) ?? true));
}
