import type { SignalEvent } from './events.ts';
import {
  allRoutes,
  type Counted,
  type Familiar,
  keyOf,
  limits,
  type Raised,
  type RouteTally,
  secondsOf,
  type Tally,
  type UserHistory,
} from './history-model.ts';
import {
  countryOf,
  familiarForDays,
  isLater,
  networksWith,
  placeKept,
  placesWith,
} from './history-places.ts';
import type { KnownPlace } from './place.ts';
import { since, tallied } from './tally.ts';
import { tellsWhere } from './travel.ts';

export { decodeHistory, encodeHistory } from './history-codec.ts';
export { emptyHistory, type UserHistory } from './history-model.ts';

const dayS = 86_400;
/** An event that comes again within so long of the user's other events counts once. */
const countedForS = 1_800;
const talliedForS = dayS;
/** Of a failure from where the user was never seen. */
const strangeWeight = 3;
const raisedForS = 7 * dayS;
/** `fresh` false: the event has been remembered before, and nothing may be raised. */
export interface Remembered {
  readonly history: UserHistory;
  readonly fresh: boolean;
}

/**
 * The history with one more event. Events may come in any order. What failed or was refused teaches
 * nothing of where the user is at home: only sign-ins and sightings do.
 */
export function remember(history: UserHistory, event: SignalEvent): Remembered {
  const key = keyOf(event.kind, event.id);
  if (history.counted.some((known) => known.key === key)) return { history, fresh: false };
  const atS = secondsOf(event.atMs);
  const newestS = Math.max(history.newestS, atS);
  const counted = countedWith(history.counted, { key, markS: newestS });
  return { history: learn({ ...history, newestS, counted }, event, atS), fresh: true };
}

/** The history that knows that these findings were raised. */
export function withRaised(history: UserHistory, raised: readonly Raised[]): UserHistory {
  if (raised.length === 0) return history;
  const latest = [...raised.map((one) => one.atS), 0].reduce((a, b) => Math.max(a, b));
  const kept = history.raised.filter(
    (old) => old.atS >= latest - raisedForS && !raised.some((one) => one.key === old.key),
  );
  return { ...history, raised: [...raised, ...kept].slice(0, limits.raised) };
}

function learn(history: UserHistory, event: SignalEvent, atS: number): UserHistory {
  switch (event.kind) {
    case 'sign_in_failed':
      return {
        ...history,
        failures: counting(history.failures, atS, weightOfFailure(history, event)),
      };
    case 'denied':
      // Somebody else has the cookie: it says nothing of what the user does.
      if (event.reasons.includes('session_other_device')) return history;
      return { ...history, denials: denialsWith(history.denials, keyOf(event.route ?? ''), atS) };
    case 'sighted':
    case 'signed_in': {
      const { place, deviceId } = event;
      const day = Math.floor(atS / dayS);
      const device = deviceId === null ? null : keyOf(deviceId);
      const learnt = {
        ...history,
        devices: familiarWith(history.devices, device, day, limits.devices),
        countries: familiarWith(history.countries, countryOf(place), day, limits.countries),
        networks: networksWith(history.networks, place, day),
      };
      if (!tellsWhere(place)) return learnt;
      const settled = deviceId !== null && isSettled(history, deviceId, event.atMs);
      const seen = { atS, device, session: keyOf(event.sid), settled, place: placeKept(place) };
      const { lastSignIn } = history;
      const latest = lastSignIn === null || !isLater(lastSignIn, seen);
      return {
        ...learnt,
        places: placesWith(history.places, seen),
        lastSignIn: event.kind === 'signed_in' && latest ? seen : lastSignIn,
      };
    }
  }
}

/** Whether it was seen in the half year around the time. */
export function isFamiliar<Name>(
  list: readonly Familiar<Name>[],
  name: Name,
  atMs: number,
): boolean {
  const day = Math.floor(secondsOf(atMs) / dayS);
  return list.some((one) => one.name === name && Math.abs(day - one.day) <= familiarForDays);
}

/**
 * Whether the device had been the user's before the day of the time. On its first day it is new: it
 * says that somebody enrolled it, and not yet that the user did.
 */
export function isSettled(history: UserHistory, deviceId: string, atMs: number): boolean {
  const [key, day] = [keyOf(deviceId), Math.floor(secondsOf(atMs) / dayS)];
  return (
    history.devices.some(
      (one) => one.name === key && one.day < day && day - one.day <= familiarForDays,
    ) || history.places.some((seen) => seen.device === key && seen.settled)
  );
}

/** Whether the user is known, and was never seen on the place's network. */
export function isStrange(history: UserHistory, place: KnownPlace | null, atMs: number): boolean {
  if (place === null || place.egress !== null || place.asn === null) return false;
  return history.networks.length > 0 && daysOn(history, place, atMs) === 0;
}

/** How often a sign-in that failed counts. */
export function weightOfFailure(history: UserHistory, { place, atMs }: SignalEvent): number {
  return isStrange(history, place, atMs) ? strangeWeight : 1;
}

/** On how many different days of the last half year the user was on the network, as far as is counted. */
export function daysOn(history: UserHistory, place: KnownPlace | null, atMs: number): number {
  const day = Math.floor(secondsOf(atMs) / dayS);
  const network = history.networks.find(
    (one) =>
      one.asn === place?.asn &&
      one.country === place.country &&
      Math.abs(day - one.day) <= familiarForDays,
  );
  return network?.days ?? 0;
}

function countedWith(counted: readonly Counted[], one: Counted): readonly Counted[] {
  const kept = counted.filter((old) => old.markS >= one.markS - countedForS);
  return [...kept, one].slice(-limits.counted);
}

function counting(tally: Tally, atS: number, more = 1): Tally {
  return tallied(since(tally, atS - talliedForS), atS, more);
}

function denialsWith(list: readonly RouteTally[], route: number, atS: number) {
  const counted = [allRoutes, route].map((one) => {
    const known = list.find((tally) => tally.route === one);
    return { route: one, tally: counting(known?.tally ?? [], atS) };
  });
  const others = list.filter(
    (one) =>
      one.route !== route &&
      one.route !== allRoutes &&
      since(one.tally, atS - talliedForS).length > 0,
  );
  return [...counted, ...others].slice(0, limits.routes);
}

function familiarWith<Name extends string | number>(
  list: readonly Familiar<Name>[],
  name: Name | null,
  day: number,
  limit: number,
): readonly Familiar<Name>[] {
  if (name === null) return list;
  const own = list.find((one) => one.name === name);
  if (own !== undefined && own.day >= day) return list;
  const others = list.filter((one) => one.name !== name);
  const kept = others.filter((one) => one.day >= day - 2 * familiarForDays);
  return [...kept, { name, day }]
    .sort((a, b) => b.day - a.day || (a.name < b.name ? -1 : 1))
    .slice(0, limit);
}
