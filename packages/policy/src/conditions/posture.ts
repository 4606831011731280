import {
  below,
  complain,
  type Fields,
  type Place,
  readDuration,
  readEntries,
  readFields,
  readName,
  readOptional,
} from '../read.ts';
import { type Truth, truthOf } from '../truth.ts';
import type { KnownDevice, View } from '../view.ts';
import { isYounger, youthChangesAtMs } from './age.ts';

type Value = boolean | number | string;

/** What is wanted of one thing that is observed of devices. */
export interface WantedPosture {
  readonly name: string;
  /** One of these, all of one type; null: any number between the bounds. */
  readonly values: readonly Value[] | null;
  readonly atLeast: number;
  readonly atMost: number;
  readonly maxAgeMs: number;
}

/** Reads an entry of `device.posture`. */
export function readPosture(value: unknown, place: Place): WantedPosture | null {
  const optional = ['is', 'in', 'atLeast', 'atMost', 'maxAge'];
  const fields = readFields(value, place, ['name'], optional);
  if (fields === null) return null;
  const name = readName(fields.get('name'), below(place, 'name'));
  const maxAgeMs = readOptional(fields, 'maxAge', place, readDuration);
  const values = readValues(fields, place);
  const atLeast = readOptional(fields, 'atLeast', place, readBound);
  const atMost = readOptional(fields, 'atMost', place, readBound);
  if (name === null || maxAgeMs === null || values === null) return null;
  if (atLeast === null || atMost === null) return null;
  const bounded = atLeast !== undefined || atMost !== undefined;
  const said = [fields.has('is'), fields.has('in'), bounded].filter(Boolean).length;
  if (said !== 1)
    return complain(place, 'needs is, or in, or atLeast and atMost, and only one of the three');
  const wanted: WantedPosture = {
    name,
    values: values ?? null,
    atLeast: atLeast ?? Number.NEGATIVE_INFINITY,
    atMost: atMost ?? Number.POSITIVE_INFINITY,
    maxAgeMs: maxAgeMs ?? Number.POSITIVE_INFINITY,
  };
  return wanted.atLeast <= wanted.atMost
    ? wanted
    : complain(place, 'can never hold: atLeast is above atMost');
}

function readValues(fields: Fields, place: Place): readonly Value[] | null | undefined {
  if (fields.has('is')) {
    const value = readValue(fields.get('is'), below(place, 'is'));
    return value === null ? null : [value];
  }
  const at = below(place, 'in');
  const values = readOptional(fields, 'in', place, (list) => readEntries(list, at, readValue));
  if (!values || new Set(values.map((value) => typeof value)).size === 1) return values;
  return complain(at, 'must have values of one type');
}

function readValue(value: unknown, place: Place): Value | null {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'string' && value !== '' && value.length <= 256) return value;
  return complain(place, 'must be true, false, a number or text of 1 to 256 characters');
}

function readBound(value: unknown, place: Place): number | null {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return complain(place, 'must be a number');
}

/**
 * Unknown where nothing was observed, or too long ago, or what was observed is of another type: a
 * rule that needs it does not match, and one that denies by it denies.
 */
export function postureHolds(wanted: WantedPosture, view: View, device: KnownDevice | null): Truth {
  const found = observed(wanted, device);
  if (found === null) return 'unknown';
  if (!isYounger(found.observedAtMs, wanted.maxAgeMs, view.facts.nowMs)) return 'unknown';
  const { value } = found;
  const { values, atLeast, atMost } = wanted;
  if (values !== null) {
    return typeof value === typeof values[0] ? truthOf(values.includes(value)) : 'unknown';
  }
  if (typeof value !== 'number' || Number.isNaN(value)) return 'unknown';
  return truthOf(value >= atLeast && value <= atMost);
}

/** When what was observed becomes too old. */
export function postureChangesAtMs(
  wanted: WantedPosture,
  view: View,
  device: KnownDevice | null,
): number {
  const atMs = observed(wanted, device)?.observedAtMs ?? Number.NaN;
  return youthChangesAtMs(atMs, wanted.maxAgeMs, view.facts.nowMs);
}

function observed({ name }: WantedPosture, device: KnownDevice | null) {
  return device?.posture?.find((fact) => fact.name === name) ?? null;
}
