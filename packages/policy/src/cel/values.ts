/**
 * What a CEL expression can come to. A fact that is missing is nothing exceptional here, so it is a
 * value and not a thrown error.
 */

/** A fact is missing or cannot be read, or what was computed has no value. */
export const unknown: unique symbol = Symbol('unknown');
/** Only a session could tell, and there is none. */
export const pending: unique symbol = Symbol('pending');

export type Failure = typeof unknown | typeof pending;

/** Integers, timestamps and durations (milliseconds) are numbers too: the type tells which. */
export type Value = boolean | number | string | readonly Value[];

export type Result = Value | Failure;

export type Evaluate<Input> = (input: Input) => Result;

/** Whether there is no value. */
export function isFailure(result: Result): result is Failure {
  return typeof result === 'symbol';
}

/** What comes of two results of which one at least is none: unknown, since signing in would not help. */
export function worse(left: Result, right: Result): Failure {
  return left === unknown || right === unknown ? unknown : pending;
}

/** An integer as it came out of arithmetic: exact, or none. */
export function exact(value: number): Result {
  return Number.isSafeInteger(value) ? value : unknown;
}

/** From the year 1 to the end of 9999, as CEL has it. */
const instantLeastMs = -62_135_596_800_000;
const instantMostMs = 253_402_300_799_999;
/** What fits into 64 bits of nanoseconds, as in other implementations of CEL. */
const durationMostMs = 9_223_372_036_854;

/** Milliseconds as an instant; unknown beyond what CEL's timestamps hold. */
export function instantOf(milliseconds: number): Result {
  const fits = milliseconds >= instantLeastMs && milliseconds <= instantMostMs;
  return fits ? milliseconds : unknown;
}

/** Milliseconds as a duration; unknown beyond what CEL's durations hold. */
export function durationOf(milliseconds: number): Result {
  return Math.abs(milliseconds) <= durationMostMs ? milliseconds : unknown;
}
