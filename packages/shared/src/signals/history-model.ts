import { hash } from 'node:crypto';
import type { Coordinates, KnownPlace } from './place.ts';

/**
 * What is kept of a user: as much as detectors look at, and never more than `limits` allow. Times
 * are whole seconds. Names are 40-bit keys: they are compared and never shown.
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
  /** Networks that the user is often on come before others. */
  readonly networks: readonly NetworkSeen[];
  readonly failures: Tally;
  /** Denials of all routes together, and by route, the latest first. */
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
  /** The device had been the user's on an earlier day. */
  readonly settled: boolean;
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

/** The addresses of a provider in a country. */
export interface NetworkSeen {
  readonly country: string;
  readonly asn: number;
  /** On so many different days, `familiarAfterDays` at the most. */
  readonly days: number;
  /** The latest of them. */
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
  networks: 12,
  tally: 24,
  routes: 5,
  counted: 160,
  raised: 16,
} as const;

export const emptyHistory: UserHistory = {
  newestS: 0,
  places: [],
  lastSignIn: null,
  devices: [],
  countries: [],
  networks: [],
  failures: [],
  denials: [],
  counted: [],
  raised: [],
};

/** Whoever was on a network on so many different days uses it regularly. */
export const regularAfterDays = 2;

/** Whoever was on a network on so many different days is at home there. */
export const familiarAfterDays = 4;

/** Year 4147: no event is later. */
export const secondsMax = 2 ** 36;

/** Whole seconds of a time; what is no time is 0. */
export function secondsOf(ms: number): number {
  const seconds = Math.floor(ms / 1000);
  return seconds >= 0 ? Math.min(seconds, secondsMax) : 0;
}

/** Bytes of a key. */
export const keyBytes = 5;

/** 40 bits that stand for a text. */
export function keyOf(...texts: readonly string[]): number {
  return Number.parseInt(hash('sha256', texts.join('\n'), 'hex').slice(0, 2 * keyBytes), 16);
}

/** Stands for all routes together in `denials`: no route has such a name. */
export const allRoutes: number = keyOf('*');
