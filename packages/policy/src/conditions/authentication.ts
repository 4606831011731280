import type { AuthenticationRequirement } from '../model.ts';
import {
  complain,
  type Place,
  readDuration,
  readEntries,
  readFields,
  readOptional,
  readText,
} from '../read.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';
import { isYounger, youthChangesAtMs } from './age.ts';
import type { ConditionKind } from './condition.ts';

/** `authentication`: how long ago and by what means the user signed in. */
export const authentication: ConditionKind = {
  compile(value, place) {
    const read = readRule(value, place);
    if (read === null) return null;
    const { maxAgeMs, amr } = read;
    return {
      field: 'authentication',
      holds: (view) => isMet(view, maxAgeMs, amr),
      changesAtMs: ({ facts, session }) =>
        youthChangesAtMs(session?.authenticatedAtMs ?? Number.NaN, maxAgeMs, facts.nowMs),
      reason: () => 'authentication_weak',
      aboutUser: true,
      sure: true,
    };
  },
};

/** What a step-up rule asks of the sign-in. */
export interface Requirement {
  readonly wanted: AuthenticationRequirement;
  /** Whether the session meets it; pending without one. */
  readonly met: (view: View) => Truth;
  /** The first instant at which a sign-in that meets it now is too old, or Infinity. */
  readonly untilMs: (view: View) => number;
}

/** Reads `require`; null, and a problem, where it is not valid. */
export function compileRequirement(value: unknown, place: Place): Requirement | null {
  const read = readRule(value, place);
  if (read === null) return null;
  const { maxAgeMs, amr } = read;
  const wanted = {
    ...(maxAgeMs === Number.POSITIVE_INFINITY ? {} : { maxAgeSeconds: maxAgeMs / 1000 }),
    ...(amr === null ? {} : { amr: [...new Set(amr)].sort() }),
  };
  return {
    wanted,
    met: (view) => isMet(view, maxAgeMs, amr),
    untilMs: ({ session }) =>
      session === null ? Number.POSITIVE_INFINITY : session.authenticatedAtMs + maxAgeMs,
  };
}

/** How old a sign-in may be, Infinity: of any age, and by what methods, null: any. */
function readRule(
  value: unknown,
  place: Place,
): { readonly maxAgeMs: number; readonly amr: readonly string[] | null } | null {
  const fields = readFields(value, place, [], ['maxAge', 'amr']);
  if (fields === null) return null;
  if (fields.size === 0) return complain(place, 'must not be empty');
  const maxAgeMs = readOptional(fields, 'maxAge', place, readDuration);
  const amr = readOptional(fields, 'amr', place, readMethods);
  if (maxAgeMs === null || amr === null) return null;
  return { maxAgeMs: maxAgeMs ?? Number.POSITIVE_INFINITY, amr: amr ?? null };
}

function readMethods(value: unknown, place: Place): readonly string[] | null {
  return readEntries(value, place, (entry, at) => readText(entry, at, 32));
}

function isMet(view: View, maxAgeMs: number, amr: readonly string[] | null): Truth {
  const { session } = view;
  if (session === null) return 'pending';
  const young = isYounger(session.authenticatedAtMs, maxAgeMs, view.facts.nowMs);
  return truthOf(young && (amr?.some((method) => session.amr.includes(method)) ?? true));
}

/**
 * One requirement for several: the youngest age, and the methods that would do for all. Where no
 * one method would, those of the first; the others ask again once it is met.
 */
export function strictest(
  requirements: readonly AuthenticationRequirement[],
): AuthenticationRequirement {
  let maxAgeSeconds: number | undefined;
  let amr: readonly string[] | undefined;
  for (const wanted of requirements) {
    if (wanted.maxAgeSeconds !== undefined) {
      maxAgeSeconds = Math.min(wanted.maxAgeSeconds, maxAgeSeconds ?? wanted.maxAgeSeconds);
    }
    const methods = wanted.amr;
    if (methods === undefined) continue;
    const common = amr?.filter((method) => methods.includes(method)) ?? methods;
    amr = common.length > 0 ? common : amr;
  }
  return {
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    ...(amr === undefined ? {} : { amr }),
  };
}
