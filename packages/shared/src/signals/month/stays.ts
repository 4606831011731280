import type { Dice } from '../../sync/simulation/random.ts';
import { distanceKm } from '../geo.ts';
import { beginningMs, dayMs, hourMs, minuteMs } from './diary.ts';
import { type Access, inFlight } from './network.ts';
import type { Person, Trip } from './person.ts';

/** Midnight of a day where the person lives. */
export function midnightMs(person: Person, day: number): number {
  return beginningMs + day * dayMs - Math.round((person.home.longitude / 15) * hourMs);
}

interface Flight {
  readonly trip: Trip;
  readonly fromMs: number;
  readonly toMs: number;
  /** Back home. */
  readonly back: boolean;
}

/** Where somebody truly is. */
export interface Journeys {
  readonly tripOn: (day: number) => Trip | undefined;
  /** When somebody looks at the last moment before a flight and at the first one after it. */
  readonly times: (day: number) => number[];
  /** null: on board without internet. */
  readonly networkAt: (atMs: number, athome: () => Access) => Access | null;
  readonly isAway: (atMs: number) => boolean;
}

export function journeysOf(dice: Dice, person: Person): Journeys {
  const flights = person.trips.flatMap((trip) => [
    flightOf(dice, person, trip, false),
    flightOf(dice, person, trip, true),
  ]);
  const lastFlight = (atMs: number) => flights.findLast((flight) => flight.fromMs < atMs);
  const isAway = (atMs: number) => lastFlight(atMs)?.back === false;
  return {
    isAway,
    tripOn: (day) => person.trips.find((trip) => day >= trip.fromDay && day <= trip.toDay),
    times: (day) => {
      const [from, to] = [midnightMs(person, day), midnightMs(person, day + 1)];
      return flights
        .flatMap((flight) => [flight.fromMs - 1000, flight.toMs])
        .filter((atMs) => atMs >= from && atMs < to);
    },
    networkAt: (atMs, athome) => {
      const flight = lastFlight(atMs);
      if (flight === undefined) return athome();
      if (atMs < flight.toMs) return flight.trip.online ? inFlight : null;
      return flight.back ? athome() : flight.trip.hotel;
    },
  };
}

/** 850 km/h, and the way to the gate and from it: little where somebody is seen at both. */
function flightOf(dice: Dice, person: Person, trip: Trip, back: boolean): Flight {
  const hours = distanceKm(person.home, trip.city) / 850;
  const ground = trip.hurried ? dice.int(35, 60) : dice.int(120, 300);
  const fromMs =
    midnightMs(person, back ? trip.toDay : trip.fromDay) + dice.int(540, 800) * minuteMs;
  return { trip, back, fromMs, toMs: fromMs + hours * hourMs + ground * minuteMs };
}
