import { below, complain, type Place, readEntries, readFields, readOptional } from '../read.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { View } from '../view.ts';
import { firstAfter } from './age.ts';
import type { ConditionKind } from './condition.ts';
import { type Zone, zoneOf } from './zone.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** In the order in which the days of the epoch go: it began on a Thursday. */
const weekdays = ['thu', 'fri', 'sat', 'sun', 'mon', 'tue', 'wed'];

interface Window {
  /** By weekday. */
  readonly days: readonly boolean[];
  /** Since midnight. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly zone: Zone;
}

/**
 * `time`: the wall clocks of a zone show a time in one of these windows. One that goes past
 * midnight belongs to the day on which it began. Where clocks are put back, what they show twice
 * counts twice; what they skip has no time at all.
 */
export const time: ConditionKind = {
  compile(value, place) {
    const windows = readEntries(value, place, readWindow);
    if (windows === null) return null;
    return {
      field: 'time',
      steps: windows.length,
      holds: (view) => isWithinAny(windows, view),
      changesAtMs: ({ facts: { nowMs } }) =>
        firstAfter(
          nowMs,
          windows.map((window) => edgeAfter(window, nowMs)),
        ),
      reason: () => 'time_outside',
      fact: () => 'now',
    };
  },
};

function readWindow(value: unknown, place: Place): Window | null {
  const fields = readFields(value, place, ['from', 'to', 'zone'], ['days']);
  if (fields === null) return null;
  const days = readOptional(fields, 'days', place, (list, at) => readEntries(list, at, readDay));
  const fromMs = readClock(fields.get('from'), below(place, 'from'));
  const toMs = readClock(fields.get('to'), below(place, 'to'));
  const zone = readZone(fields.get('zone'), below(place, 'zone'));
  if (days === null || fromMs === null || toMs === null || zone === null) return null;
  const wanted = new Set(days ?? weekdays);
  return { days: weekdays.map((day) => wanted.has(day)), fromMs, toMs, zone };
}

function readDay(value: unknown, place: Place): string | null {
  if (typeof value === 'string' && weekdays.includes(value)) return value;
  return complain(place, 'must be mon, tue, wed, thu, fri, sat or sun');
}

function readClock(value: unknown, place: Place): number | null {
  const [, hours, minutes] =
    (typeof value === 'string' && /^([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(value)) || [];
  if (hours === undefined) return complain(place, 'must be a time from 00:00 to 23:59, in quotes');
  return (Number(hours) * 60 + Number(minutes)) * minuteMs;
}

function readZone(value: unknown, place: Place): Zone | null {
  const zone = typeof value === 'string' ? zoneOf(value) : null;
  return zone ?? complain(place, 'must be a time zone such as Europe/Berlin or UTC');
}

function isWithinAny(windows: readonly Window[], { facts: { nowMs } }: View): Truth {
  let within = false;
  for (const window of windows) {
    const offsetMs = window.zone.offsetMs(nowMs);
    if (offsetMs === null) return 'unknown';
    within ||= isWithin(window, nowMs + offsetMs);
  }
  return truthOf(within);
}

function isWithin({ days, fromMs, toMs }: Window, localMs: number): boolean {
  const day = Math.floor(localMs / dayMs);
  const sinceMidnightMs = localMs - day * dayMs;
  if (fromMs < toMs) return sinceMidnightMs >= fromMs && sinceMidnightMs < toMs && isDay(days, day);
  if (sinceMidnightMs >= fromMs && isDay(days, day)) return true;
  return sinceMidnightMs < toMs && isDay(days, day - 1);
}

function isDay(days: readonly boolean[], day: number): boolean {
  return days[((day % 7) + 7) % 7] === true;
}

/** When the clocks next show the beginning or the end, on whatever day, or are themselves changed. */
function edgeAfter({ fromMs, toMs, zone }: Window, nowMs: number): number {
  const offsetMs = zone.offsetMs(nowMs);
  if (offsetMs === null) return Number.MAX_SAFE_INTEGER;
  const localMs = nowMs + offsetMs;
  const sinceMidnightMs = localMs - Math.floor(localMs / dayMs) * dayMs;
  const untilMs = (edgeMs: number) => {
    const leftMs = edgeMs - sinceMidnightMs;
    return leftMs > 0 ? leftMs : leftMs + dayMs;
  };
  const edge = nowMs + Math.min(untilMs(fromMs), untilMs(toMs));
  return zone.changesBetween(nowMs, edge) ?? edge;
}
