import { type Zone, zoneOf } from '../conditions/zone.ts';
import { duration, int, Refusal, small, type Term, timestamp } from './types.ts';
import { durationOf, instantOf, isFailure, type Result, unknown, type Value } from './values.ts';

/** What a clock and a calendar show; set anew for each question, so that none is made for it. */
const calendar = new Date(0);

/** Parts of an instant, by the calendar set to the zone's time. */
export const instantParts: ReadonlyMap<string, (at: Date) => number> = new Map([
  ['getFullYear', (at: Date) => at.getUTCFullYear()],
  ['getMonth', (at: Date) => at.getUTCMonth()],
  ['getDate', (at: Date) => at.getUTCDate()],
  ['getDayOfMonth', (at: Date) => at.getUTCDate() - 1],
  ['getDayOfWeek', (at: Date) => at.getUTCDay()],
  ['getDayOfYear', dayOfYear],
  ['getHours', (at: Date) => at.getUTCHours()],
  ['getMinutes', (at: Date) => at.getUTCMinutes()],
  ['getSeconds', (at: Date) => at.getUTCSeconds()],
  ['getMilliseconds', (at: Date) => at.getUTCMilliseconds()],
]);

/** A duration in whole units, rounded towards zero. Its milliseconds are those beyond seconds. */
const durationParts: ReadonlyMap<string, (ms: number) => number> = new Map([
  ['getHours', (ms: number) => Math.trunc(ms / 3_600_000)],
  ['getMinutes', (ms: number) => Math.trunc(ms / 60_000)],
  ['getSeconds', (ms: number) => Math.trunc(ms / 1000)],
  ['getMilliseconds', (ms: number) => ms % 1000],
]);

function dayOfYear(at: Date): number {
  const midnight = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate());
  return Math.round((midnight - Date.UTC(at.getUTCFullYear(), 0, 1)) / 86_400_000);
}

/** `instant.getHours()`, `instant.getHours("Europe/Berlin")`, `duration.getHours()`. */
export function partOf<Input>(
  name: string,
  [of, zone, more]: readonly Term<Input>[],
  at: number,
): Term<Input> | null {
  if (of === undefined || more !== undefined) return null;
  const rest = { type: int, size: small, cost: of.cost + 2, constant: undefined };
  const { evaluate } = of;
  if (of.type.kind === 'duration') {
    const part = durationParts.get(name);
    if (part === undefined || zone !== undefined) return null;
    return {
      ...rest,
      evaluate: (input) => {
        const found = evaluate(input);
        // Adding zero makes of minus zero what everybody expects.
        return isFailure(found) ? found : part(found as number) + 0;
      },
    };
  }
  const part = instantParts.get(name);
  if (of.type.kind !== 'timestamp' || part === undefined) return null;
  const ahead = zone === undefined ? () => 0 : offsetOf(zone, at);
  return {
    ...rest,
    evaluate: (input) => {
      const found = evaluate(input);
      return isFailure(found) ? found : shown(found as number, ahead, part);
    },
  };
}

function shown(
  atMs: number,
  ahead: (atMs: number) => number | null,
  part: (at: Date) => number,
): Result {
  const offsetMs = ahead(atMs);
  if (offsetMs === null) return unknown;
  calendar.setTime(atMs + offsetMs);
  return part(calendar);
}

function offsetOf<Input>(term: Term<Input>, at: number): (atMs: number) => number | null {
  const name = term.type.kind === 'string' ? term.constant : undefined;
  if (typeof name !== 'string') throw new Refusal('the zone must be a literal', at);
  const fixed = /^([+-]?)(\d{2}):(\d{2})$/.exec(name);
  if (fixed !== null) {
    const offsetMs = (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000;
    return () => (fixed[1] === '-' ? -offsetMs : offsetMs);
  }
  const zone: Zone | null = zoneOf(name);
  if (zone === null) throw new Refusal(`there is no time zone ${name}`, at);
  return (atMs) => zone.offsetMs(atMs);
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d{1,9}))?(?:Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds of an RFC 3339 instant; null where it is none. */
function readTimestamp(text: string): number | null {
  const found = rfc3339.exec(text);
  // Finer than a millisecond is nothing here, and must not be dropped in silence.
  if (found === null || /[1-9]/.test((found[1] ?? '').slice(3))) return null;
  const read = instantOf(Date.parse(text));
  return typeof read === 'number' ? read : null;
}

const unitMs: ReadonlyMap<string, number> = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
  ['us', 1e-3],
  ['ns', 1e-6],
]);

/** Milliseconds of a duration such as `1h30m`; null where it is none, or finer than that. */
function readDuration(text: string): number | null {
  if (!/^[+-]?(?:\d{1,15}(?:\.\d{1,9})?(?:h|ms|us|ns|m|s))+$/.test(text)) return null;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/([\d.]+)(h|ms|us|ns|m|s)/g)) {
    sum += Number(count) * (unitMs.get(unit ?? '') ?? Number.NaN);
  }
  const whole = Math.round(sum);
  if (!(Math.abs(sum - whole) < 1e-9)) return null;
  const read = durationOf(text.startsWith('-') ? 0 - whole : whole);
  return typeof read === 'number' ? read : null;
}

/** `timestamp("2026-01-01T00:00:00Z")`: of literals alone, so that what is none is found here. */
export function timestampOf<Input>(terms: readonly Term<Input>[], at: number): Term<Input> | null {
  return literal(terms, at, readTimestamp, 'an RFC 3339 instant, in milliseconds at the finest');
}

/** `duration("90s")`, of literals alone. */
export function durationLiteral<Input>(
  terms: readonly Term<Input>[],
  at: number,
): Term<Input> | null {
  return literal(terms, at, readDuration, 'a duration such as "90s", "15m" or "1h30m"');
}

function literal<Input>(
  [of, more]: readonly Term<Input>[],
  at: number,
  read: typeof readTimestamp,
  wants: string,
): Term<Input> | null {
  if (of?.type.kind !== 'string' || more !== undefined) return null;
  const value: Value | null = typeof of.constant === 'string' ? read(of.constant) : null;
  if (value === null) throw new Refusal(`needs ${wants}, as a literal`, at);
  const type = read === readTimestamp ? timestamp : duration;
  return { type, size: small, cost: 0, evaluate: () => value, constant: value };
}
