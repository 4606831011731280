import { hash } from 'node:crypto';
import type { Coordinates, KnownPlace } from './place.ts';

/**
 * What is kept of a user: as much as detectors look at, and never more than `limits` allow. Times
 * are whole seconds. Names are 48-bit keys: they are compared and never shown.
 */
export interface UserHistory {
  /** The latest time that any event of the user had. */
  readonly newestS: number;
  /** Where each device, or session without one, was last seen; the latest first. */
  readonly places: readonly PlaceSeen[];
  /** Where a session was last made. */
  readonly lastSignIn: PlaceSeen | null;
  readonly devices: readonly Familiar<number>[];
  readonly countries: readonly Familiar<string>[];
  readonly failures: Tally;
  /** Denials by route; the latest first. */
  readonly denials: readonly RouteTally[];
  /** Events that have been counted, in the order of their coming. */
  readonly counted: readonly Counted[];
  /** Findings that were raised; the latest first. */
  readonly raised: readonly Raised[];
}

export interface PlaceSeen {
  readonly atS: number;
  /** null: without a device. */
  readonly device: number | null;
  readonly session: number;
  readonly place: PlaceKept;
}

/** Of a place what travel is judged by: never a known way out, never without coordinates. */
export interface PlaceKept extends KnownPlace {
  readonly region: null;
  /** To a hundredth of a degree; the accuracy in whole kilometres. */
  readonly coordinates: Coordinates;
  readonly egress: null;
}

/** Something of the user's, and when it was last seen. */
export interface Familiar<Name> {
  readonly name: Name;
  readonly day: number;
}

/** How often something happened, by time, the earliest first. */
export type Tally = readonly TallyEntry[];
export interface TallyEntry {
  readonly atS: number;
  readonly count: number;
}
export interface RouteTally {
  readonly route: number;
  readonly tally: Tally;
}
export interface Counted {
  readonly key: number;
  /** `newestS` when it came. */
  readonly markS: number;
}
export interface Raised {
  readonly key: number;
  /** Of which detector: its place among `detectorNames`. */
  readonly detector: number;
  readonly atS: number;
}

/** Together under 4 KiB as bytes. */
export const limits = {
  places: 8,
  devices: 16,
  countries: 24,
  tally: 24,
  routes: 4,
  counted: 192,
  raised: 16,
} as const;

export const emptyHistory: UserHistory = {
  newestS: 0,
  places: [],
  lastSignIn: null,
  devices: [],
  countries: [],
  failures: [],
  denials: [],
  counted: [],
  raised: [],
};

/** Year 4147: no event is later. */
export const secondsMax = 2 ** 36;

/** Whole seconds of a time; what is no time is 0. */
export function secondsOf(ms: number): number {
  const seconds = Math.floor(ms / 1000);
  return seconds >= 0 ? Math.min(seconds, secondsMax) : 0;
}

/** 48 bits that stand for a text. */
export function keyOf(...texts: readonly string[]): number {
  return Number.parseInt(hash('sha256', texts.join('\n'), 'hex').slice(0, 12), 16);
}
