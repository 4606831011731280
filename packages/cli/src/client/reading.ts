import { Failure } from '../exit.ts';

/** An object of an answer. Its fields are unknown until read by the functions below. */
export type Json = Readonly<Record<string, unknown>>;

/** The value as an object; a `Failure` names what was expected. */
export function readObject(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw unexpected(what);
}

/** The field as a list of objects. */
export function readObjects(from: Json, field: string): readonly Json[] {
  const value = from[field];
  if (!Array.isArray(value)) throw unexpected(`the list "${field}"`);
  return value.map((item: unknown) => readObject(item, `an object in "${field}"`));
}

/** The field as a text that must be there. */
export function readText(from: Json, field: string): string {
  const value = from[field];
  if (typeof value !== 'string') throw unexpected(`the text "${field}"`);
  return value;
}

/** The field as words for a person, whatever it is; nothing for null and absent ones. */
export function show(from: Json, field: string): string {
  return showValue(from[field]);
}

/** Any JSON value as words for a person. */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(showValue).join(', ');
  return JSON.stringify(value);
}

/** An instant for a person: RFC 3339 in UTC, to the second. Reads texts and milliseconds. */
export function showTime(from: Json, field: string): string {
  const value = from[field];
  if (typeof value !== 'string' && typeof value !== 'number') return '';
  const date = new Date(value);
  return Number.isNaN(date.getTime())
    ? String(value)
    : `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** A duration for a person, in the unit that suits its length. */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

function unexpected(what: string): Failure {
  return new Failure('failed', `the control plane gave an unexpected answer: ${what} is missing`);
}
