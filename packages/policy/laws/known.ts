import type { Facts } from '../src/index.ts';

/** What the slow reading of the design knows of one request, and what it finds. */

export type Value = true | false | 'pending' | 'unknown';
export type Live = Extract<Facts['session'], { kind: 'live' }>;
export type KnownUser = Extract<Facts['user'], { kind: 'known' }>;
export type KnownDevice = Extract<Facts['device'], { kind: 'known' }>;

export interface Known {
  readonly facts: Facts;
  readonly session: Live | null;
  readonly user: KnownUser | null;
  readonly device: KnownDevice | null;
  readonly service: string | null;
}

/** False decides, then unknown, then pending. */
export function all(values: readonly Value[]): Value {
  if (values.includes(false)) return false;
  if (values.includes('unknown')) return 'unknown';
  return values.includes('pending') ? 'pending' : true;
}

/** True decides, then unknown, then pending. */
export function any(values: readonly Value[]): Value {
  if (values.includes(true)) return true;
  if (values.includes('unknown')) return 'unknown';
  return values.includes('pending') ? 'pending' : false;
}
