import { durationMs } from './duration.ts';
import { instantMs } from './instant.ts';
import type { Problems, UnknownName } from './problems.ts';

/**
 * Reading of what may be anything: a policy set can reach an edge from a newer control plane, or
 * damaged. Nothing unknown is skipped, since a condition skipped is access granted.
 */

export type Fields = ReadonlyMap<string, unknown>;

/** Where a value stands, and where to say what is wrong with it. */
export interface Place {
  readonly field: string;
  readonly problems: Problems;
}

/** The place of a part of the value at `place`. */
export function below(place: Place, part: string | number): Place {
  const token = String(part).replaceAll('~', '~0').replaceAll('/', '~1');
  return { field: `${place.field}/${token}`, problems: place.problems };
}

/** Reports the value at `place`. */
export function complain(place: Place, message: string): null {
  place.problems.add(place.field, message);
  return null;
}

/** Reports the value at `place` as the name of something that is not there. */
export function complainUnknown(place: Place, kind: UnknownName['kind'], name: string): null {
  place.problems.addUnknown(place.field, { kind, name });
  return null;
}

/**
 * The own fields of a plain object, as a map, so that no name reaches a prototype. Every field must
 * be among `required` and `optional`, and all the required ones must be there.
 */
export function readFields(
  value: unknown,
  place: Place,
  required: readonly string[],
  optional: readonly string[],
): Fields | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return complain(place, 'must be an object');
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  let whole = true;
  for (const name of fields.keys()) {
    if (required.includes(name) || optional.includes(name)) continue;
    complain(below(place, name), 'is not a known field');
    whole = false;
  }
  for (const name of required) {
    if (fields.has(name)) continue;
    complain(below(place, name), 'is missing');
    whole = false;
  }
  return whole ? fields : null;
}

/** A list of anything; null where it is none. */
export function readList(value: unknown, place: Place): readonly unknown[] | null {
  return Array.isArray(value) ? (value as unknown[]) : complain(place, 'must be a list');
}

/**
 * A list that is not empty, each entry read by `readEntry`; null where anything in it is wrong. An
 * empty list is refused: it could mean nobody as well as everybody.
 */
export function readEntries<Entry>(
  value: unknown,
  place: Place,
  readEntry: (value: unknown, place: Place) => Entry | null,
): readonly Entry[] | null {
  const list = readList(value, place);
  if (list === null) return null;
  if (list.length === 0) return complain(place, 'must not be empty');
  const entries: Entry[] = [];
  // By index: a hole in the list is an entry that is missing.
  for (let at = 0; at < list.length; at += 1) {
    const entry = readEntry(list[at], below(place, at));
    if (entry !== null) entries.push(entry);
  }
  return entries.length === list.length ? entries : null;
}

/** Text without blank ends, 1 to `lengthMax` characters. */
export function readText(value: unknown, place: Place, lengthMax: number): string | null {
  if (typeof value !== 'string') return complain(place, 'must be text');
  if (value.trim() === '') return complain(place, 'must not be blank');
  if (value.trim() !== value) return complain(place, 'must not begin or end with a blank');
  return value.length > lengthMax
    ? complain(place, `must not be longer than ${lengthMax} characters`)
    : value;
}

const name = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A name of ours: rule ids join names with slashes, so none may hold one. */
export function readName(value: unknown, place: Place): string | null {
  if (typeof value === 'string' && name.test(value)) return value;
  return complain(place, 'must be a name: a to z, 0 to 9 and hyphens, 63 characters at the most');
}

/** A plain yes or no. */
export function readFlag(value: unknown, place: Place): boolean | null {
  return typeof value === 'boolean' ? value : complain(place, 'must be true or false');
}

/** An integer of at least `least`. */
export function readCount(value: unknown, place: Place, least: number): number | null {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  return complain(place, `must be a whole number of at least ${least}`);
}

/** An integer from `least` to `most`. */
export function readNumber(
  value: unknown,
  place: Place,
  least: number,
  most: number,
): number | null {
  const whole = typeof value === 'number' && Number.isSafeInteger(value);
  if (whole && value >= least && value <= most) return value;
  return complain(place, `must be a whole number from ${least} to ${most}`);
}

/** A duration such as `15m`, in milliseconds. */
export function readDuration(value: unknown, place: Place): number | null {
  const milliseconds = typeof value === 'string' ? durationMs(value) : null;
  return milliseconds ?? complain(place, 'must be a duration such as 90s, 15m, 12h or 7d');
}

/** An RFC 3339 instant, in milliseconds since the epoch. */
export function readInstant(value: unknown, place: Place): number | null {
  const milliseconds = typeof value === 'string' ? instantMs(value) : null;
  return milliseconds ?? complain(place, 'must be an instant such as 2026-12-01T00:00:00Z');
}

/** What stands in a field that may be left out; undefined where it is. */
export function readOptional<Value>(
  fields: Fields,
  name: string,
  place: Place,
  read: (value: unknown, place: Place) => Value | null,
): Value | null | undefined {
  return fields.has(name) ? read(fields.get(name), below(place, name)) : undefined;
}
