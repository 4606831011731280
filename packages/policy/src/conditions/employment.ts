import { complain, type Place, readEntries, readFields, readFlag, readOptional } from '../read.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';
import { firstAfter } from './age.ts';
import type { ConditionKind } from './condition.ts';

type EmploymentClass = 'employee' | 'contractor';

interface Wanted {
  readonly classes: readonly EmploymentClass[] | null;
  readonly ended: boolean | null;
}

/** `employment`: what the user is employed as, and whether that has ended. */
export const employment: ConditionKind = {
  compile(value, place) {
    const fields = readFields(value, place, [], ['class', 'ended']);
    if (fields === null) return null;
    if (fields.size === 0) return complain(place, 'must not be empty');
    const classes = readOptional(fields, 'class', place, readClasses);
    const ended = readOptional(fields, 'ended', place, readFlag);
    if (classes === null || ended === null) return null;
    const wanted: Wanted = { classes: classes ?? null, ended: ended ?? null };
    return {
      field: 'employment',
      holds: (view) => evaluate(wanted, view),
      changesAtMs: ({ facts, user }) =>
        firstAfter(facts.nowMs, [user?.employment?.endsAtMs ?? Number.MAX_SAFE_INTEGER]),
      reason: (view) => (isOtherClass(wanted, view) ? 'employment_other' : null),
      fact: () => 'employment',
      aboutUser: true,
      sure: true,
    };
  },
};

function readClasses(value: unknown, place: Place): readonly EmploymentClass[] | null {
  return readEntries(value, place, (entry, at) =>
    entry === 'employee' || entry === 'contractor'
      ? entry
      : complain(at, 'must be employee or contractor'),
  );
}

function evaluate({ classes, ended }: Wanted, { facts, user }: View): Truth {
  if (user === null) return 'pending';
  const found = user.employment ?? null;
  if (found === null) return 'unknown';
  if (classes !== null && !classes.includes(found.class)) return 'false';
  return truthOf(ended === null || ended === !(facts.nowMs < (found.endsAtMs ?? Infinity)));
}

function isOtherClass({ classes }: Wanted, { user }: View): boolean {
  const found = user?.employment ?? null;
  return classes !== null && found !== null && !classes.includes(found.class);
}
