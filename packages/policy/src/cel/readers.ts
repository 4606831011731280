import type { KnownUser, LiveSession, View } from '../view.ts';
import type { Leaf } from './context.ts';
import {
  bool,
  type CelType,
  double,
  duration,
  int,
  small,
  string,
  strings,
  timestamp,
} from './types.ts';
import { durationOf, type Failure, instantOf, pending, unknown, type Value } from './values.ts';

/**
 * Variables of `when` over the facts as they are: nothing is copied, and what is of another type or
 * larger than it may be is unknown.
 */

/** What was found, of any kind; `pending` where only a session could tell. */
export type Read = (view: View) => unknown;

/** Makes a variable of a type from what is found: unknown where that does not fit. */
export type LeafOf = (read: Read) => Leaf<View>;

/** A variable about the signed-in user. */
export function ofUser(leafOf: LeafOf, read: (user: KnownUser) => unknown): Leaf<View> {
  return leafOf(({ session, user }) => {
    if (user !== null) return read(user);
    return session === null ? pending : null;
  });
}

/** A variable about the session. */
export function ofSession(
  leafOf: LeafOf,
  read: (session: LiveSession, nowMs: number) => unknown,
): Leaf<View> {
  return leafOf(({ session, facts }) => (session === null ? pending : read(session, facts.nowMs)));
}

/** Text of a bounded length. */
export function text(lengthMax: number): LeafOf {
  const size = { length: lengthMax, entry: null };
  return (read) => ({
    type: string,
    size,
    read: (view) => {
      const found = read(view);
      if (typeof found === 'string' && found.length <= lengthMax) return found;
      return failureOf(found);
    },
  });
}

/** A list of text; the entries themselves are looked at where a macro walks over them. */
export function texts(countMax: number, lengthMax: number): LeafOf {
  const size = { length: countMax, entry: { length: lengthMax, entry: null } };
  return (read) => ({
    type: strings,
    size,
    read: (view) => {
      const found = read(view);
      if (Array.isArray(found) && found.length <= countMax) return found as readonly Value[];
      return failureOf(found);
    },
  });
}

/** A yes or no. */
export const flag: LeafOf = (read) => ({
  type: bool,
  size: small,
  read: (view) => {
    const found = read(view);
    return typeof found === 'boolean' ? found : failureOf(found);
  },
});

/** An integer that is exact. */
export const whole: LeafOf = number(int, Number.isSafeInteger);

/** A number that is neither infinite nor none. */
export const real: LeafOf = number(double, Number.isFinite);

/** Milliseconds since the epoch. */
export const instant: LeafOf = number(timestamp, (found) => typeof instantOf(found) === 'number');

/** Milliseconds between two instants. */
export const span: LeafOf = number(duration, (found) => typeof durationOf(found) === 'number');

function number(type: CelType, fits: (found: number) => boolean): LeafOf {
  return (read) => ({
    type,
    size: small,
    read: (view) => {
      const found = read(view);
      return typeof found === 'number' && fits(found) ? found : failureOf(found);
    },
  });
}

function failureOf(found: unknown): Failure {
  return found === pending ? pending : unknown;
}
