import type { AuthenticationRequirement } from '../model.ts';
import {
  below,
  complain,
  type Place,
  readCount,
  readEntries,
  readFields,
  readText,
} from '../read.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';

/** How far the clocks of an edge and of the control plane may differ. */
export const clockSkewMaxMs = 60_000;

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
  const fields = readFields(value, place, [], ['maxAgeSeconds', 'amr']);
  if (fields === null) return null;
  if (fields.size === 0) return complain(place, 'must not be empty');
  const maxAgeSeconds = fields.has('maxAgeSeconds')
    ? readCount(fields.get('maxAgeSeconds'), below(place, 'maxAgeSeconds'), 1)
    : null;
  const amr = fields.has('amr')
    ? readEntries(fields.get('amr'), below(place, 'amr'), readAmr)
    : null;
  const wanted = {
    ...(maxAgeSeconds === null ? {} : { maxAgeSeconds }),
    ...(amr === null ? {} : { amr: [...new Set(amr)].sort() }),
  };
  const maxAgeMs = maxAgeSeconds === null ? Number.POSITIVE_INFINITY : maxAgeSeconds * 1000;
  return {
    wanted,
    met: (view) => isMet(view, maxAgeMs, wanted.amr ?? null),
    untilMs: ({ session }) =>
      session === null ? Number.POSITIVE_INFINITY : session.authenticatedAtMs + maxAgeMs,
  };
}

function readAmr(value: unknown, place: Place): string | null {
  return readText(value, place, 32);
}

/** A sign-in that lies in the future, or at no time at all, is of no age and meets nothing. */
function isMet(view: View, maxAgeMs: number, amr: readonly string[] | null): Truth {
  const { session } = view;
  if (session === null) return 'pending';
  const ageMs = view.facts.nowMs - session.authenticatedAtMs;
  const young = ageMs >= -clockSkewMaxMs && ageMs < maxAgeMs;
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
