import { durationMs } from '@sallyport/policy';
import type { Static } from 'typebox';
import type { signals } from '../configuration/schema/signals.ts';
import type { DetectorName } from './finding.ts';
import type { TravelThresholds } from './travel.ts';

/** Settings, `signals`, as written. */
export type SignalsSettings = Static<typeof signals>;

export interface PlainSettings {
  readonly enabled: boolean;
  /** 1 to 100. */
  readonly score: number;
  readonly halfLifeMs: number;
  readonly outcome: 'signal' | 'revoke';
}

export interface CountingSettings extends PlainSettings {
  readonly count: number;
  readonly windowMs: number;
}

export interface DistantSettings extends PlainSettings, TravelThresholds {}

interface GroupTravel extends Partial<TravelThresholds> {
  readonly groups: readonly string[];
  readonly enabled?: boolean;
  readonly outcome?: 'signal' | 'revoke';
}

export interface TravelSettings extends DistantSettings {
  /** The first entry that the user has a group of holds. */
  readonly groups: readonly GroupTravel[];
}

/** Settings of all detectors, resolved: nothing is missing. */
export interface DetectorSettings extends Readonly<Record<DetectorName, PlainSettings>> {
  readonly 'impossible-travel': TravelSettings;
  readonly 'failed-sign-ins': CountingSettings;
  readonly 'denial-burst': CountingSettings;
  readonly 'distant-sessions': DistantSettings;
}

/** What holds for a user of certain groups. */
export type ResolvedTravel = Omit<TravelSettings, 'groups'>;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Counts reach no further back; a longer window is taken as this. */
export const windowMsMax = 24 * hourMs;

/** What holds where Settings say nothing. Chosen by the generated month (month/, docs/signals.md). */
export const defaultSettings: DetectorSettings = {
  'impossible-travel': {
    ...plain(80, 12 * hourMs),
    speedKmhMax: 1000,
    distanceKmMin: 500,
    groups: [],
  },
  'failed-sign-ins': { ...plain(40, hourMs), count: 12, windowMs: 10 * minuteMs },
  'denial-burst': { ...plain(30, hourMs), count: 30, windowMs: 2 * minuteMs },
  'distant-sessions': { ...plain(60, 6 * hourMs), speedKmhMax: 900, distanceKmMin: 500 },
  'new-device': plain(20, 24 * hourMs),
  'new-country': plain(30, 24 * hourMs),
  'session-on-other-device': plain(90, 24 * hourMs),
};

/** Resolves what Settings say over the defaults. */
export function detectorSettings(written: SignalsSettings | undefined): DetectorSettings {
  const of = written?.detectors ?? {};
  const merge = <Name extends DetectorName>(name: Name): DetectorSettings[Name] =>
    resolve(defaultSettings[name], of[name] ?? {});
  return {
    'impossible-travel': merge('impossible-travel'),
    'failed-sign-ins': merge('failed-sign-ins'),
    'denial-burst': merge('denial-burst'),
    'distant-sessions': merge('distant-sessions'),
    'new-device': merge('new-device'),
    'new-country': merge('new-country'),
    'session-on-other-device': merge('session-on-other-device'),
  };
}

/** What holds for a user of these groups: the first entry that names one of them, else the rest. */
export function travelThresholds(
  settings: DetectorSettings,
  groups: readonly string[],
): ResolvedTravel {
  const { groups: entries, ...general } = settings['impossible-travel'];
  const entry = entries.find((candidate) => candidate.groups.some((name) => groups.includes(name)));
  if (entry === undefined) return general;
  const { groups: _, ...own } = entry;
  return { ...general, ...own };
}

function plain(score: number, halfLifeMs: number): PlainSettings {
  return { enabled: true, score, halfLifeMs, outcome: 'signal' };
}

/** Durations are checked where the document is: one that is none leaves the default. */
function resolve<Settings extends PlainSettings>(
  defaults: Settings,
  { halfLife, window, ...own }: { readonly halfLife?: string; readonly window?: string },
): Settings {
  const halfLifeMs = halfLife === undefined ? null : durationMs(halfLife);
  const windowMs = window === undefined ? null : durationMs(window);
  return {
    ...defaults,
    ...own,
    ...(halfLifeMs === null ? {} : { halfLifeMs }),
    ...(windowMs === null ? {} : { windowMs: Math.min(windowMs, windowMsMax) }),
  };
}
