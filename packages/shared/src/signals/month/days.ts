import type { Dice } from '../../sync/simulation/random.ts';
import { type Diary, dayMs, hourMs, minuteMs, monthDays } from './diary.ts';
import type { Access } from './network.ts';
import type { Person } from './person.ts';
import { type Journeys, journeysOf, midnightMs } from './stays.ts';

/** A month of somebody who does nothing wrong. */
export function live(diary: Diary, dice: Dice, person: Person): void {
  const journeys = journeysOf(dice, person);
  const changedOn = dice.chance(0.02) ? dice.int(3, 26) : 99;
  for (let day = 0; day < monthDays; day += 1) {
    const laptop =
      day >= changedOn && person.laptop !== null ? `${person.laptop}_new` : person.laptop;
    if (day % 7 < 5 || dice.chance(0.25)) work(diary, dice, person, journeys, day, laptop);
    if (person.phone !== null) useOfPhone(diary, dice, person, journeys, day);
    if (day === changedOn && dice.chance(0.2)) restored(diary, dice, person, day);
  }
  leftOn(diary, dice, person);
}

/** Signs in, is seen every half hour or so, mistypes the password and is refused now and then. */
function work(
  diary: Diary,
  dice: Dice,
  person: Person,
  journeys: Journeys,
  day: number,
  laptop: string | null,
): void {
  const trip = journeys.tripOn(day);
  // Who left the computer at home takes another along.
  const deviceId = trip?.leftOn === true && laptop !== null ? `${laptop}_second` : laptop;
  const who = { deviceId, sid: `ses_${person.userId}_${String(day)}` };
  const tunnelled = [dice.int(8, 12), dice.int(13, 20)] as const;
  const toOffice = dice.chance(0.75);
  const awake = midnightMs(person, day);
  let begun = false;
  const end = awake + dice.int(17, 20) * hourMs;
  const times = journeys.times(day);
  for (let atMs = awake + dice.int(450, 560) * minuteMs; atMs < end; ) {
    times.push(atMs);
    atMs += dice.int(15, 75) * minuteMs;
  }
  for (const atMs of times.sort((a, b) => a - b)) {
    const hour = (atMs - awake) / hourMs;
    const inTunnel = person.tunnel !== null && hour >= tunnelled[0] && hour < tunnelled[1];
    const access = journeys.networkAt(atMs, () => athome(dice, person, hour, toOffice));
    if (access === null) continue;
    const place = (inTunnel ? (person.tunnel ?? access) : access)(dice, day);
    if (!begun) {
      mistype(diary, dice, atMs, access, day);
      diary.signedIn(atMs, who, place);
    } else diary.sighted(atMs, who, place);
    begun = true;
    refusals(diary, dice, who, atMs, access, day);
  }
}

function athome(dice: Dice, person: Person, hour: number, toOffice: boolean): Access {
  if (person.kind === 'mobile') return dice.chance(0.7) ? person.onPhone : person.atHome;
  if (person.kind === 'home-worker') return person.atHome;
  return toOffice && hour >= 9 && hour < 17 ? person.atWork : person.atHome;
}

/** Some forget the new password after a holiday and try everything. */
function mistype(diary: Diary, dice: Dice, atMs: number, access: Access, day: number): void {
  const luck = dice.next();
  const times = luck < 0.002 ? dice.int(5, 12) : luck < 0.05 ? dice.int(1, 3) : 0;
  for (let i = times; i > 0; i -= 1) {
    diary.failed(atMs - i * dice.int(8, 60) * 1000, access(dice, day));
  }
}

/** Mostly one or two; a page that was left open asks all day, fast or slowly. */
function refusals(
  diary: Diary,
  dice: Dice,
  who: { readonly deviceId: string | null; readonly sid: string },
  atMs: number,
  access: Access,
  day: number,
): void {
  const luck = dice.next();
  if (luck >= 0.004) return;
  const open = luck < 0.0004;
  const gapMs = open ? dice.int(5, 60) * 1000 : dice.int(2, 30) * 1000;
  const times = open ? dice.int(15, 80) : dice.int(1, 5);
  for (let i = 0; i < times; i += 1) {
    diary.denied(atMs + i * gapMs, who, access(dice, day), 'reports', 'no_rule_matched');
  }
}

function useOfPhone(
  diary: Diary,
  dice: Dice,
  person: Person,
  journeys: Journeys,
  day: number,
): void {
  const deviceId = person.phone?.deviceId ?? null;
  const week = Math.floor(day / 7);
  const who = { deviceId, sid: `ses_${person.userId}_phone_${String(week)}` };
  const roaming = dice.chance(0.5);
  const awake = midnightMs(person, day);
  const times = Array.from(
    { length: dice.int(1, 5) },
    () => awake + dice.int(420, 1380) * minuteMs,
  );
  if (journeys.tripOn(day)?.leftOn !== true) times.push(...journeys.times(day));
  const inOrder = times.sort((a, b) => a - b);
  for (const [i, atMs] of inOrder.entries()) {
    const usual = () => (dice.chance(0.6) ? person.onPhone : person.atHome);
    const local = journeys.networkAt(atMs, usual);
    if (local === null) continue;
    // A roaming telephone comes out of its own country's network.
    const access = roaming && journeys.isAway(atMs) ? person.onPhone : local;
    if (day % 7 === 0 && i === 0) diary.signedIn(atMs, who, access(dice, day));
    else diary.sighted(atMs, who, access(dice, day));
  }
}

/** The old computer's profile on the new one: the cookie comes along, and is refused. */
function restored(diary: Diary, dice: Dice, person: Person, day: number): void {
  if (person.laptop === null) return;
  const sid = `ses_${person.userId}_${String(day - 1)}`;
  const who = { deviceId: `${person.laptop}_new`, sid };
  const atMs = midnightMs(person, day) + 7 * hourMs;
  diary.denied(atMs, who, person.atHome(dice, day), 'wiki', 'session_other_device');
}

function leftOn(diary: Diary, dice: Dice, person: Person): void {
  for (const trip of person.trips.filter((one) => one.leftOn)) {
    const sid = `ses_${person.userId}_left_${String(trip.fromDay)}`;
    const who = { deviceId: person.laptop, sid };
    const until = midnightMs(person, trip.toDay);
    for (let atMs = midnightMs(person, trip.fromDay) + 8 * hourMs; atMs < until; ) {
      const day = Math.floor((atMs - midnightMs(person, 0)) / dayMs);
      diary.sighted(atMs, who, person.atHome(dice, day));
      atMs += dice.int(30, 90) * minuteMs;
    }
  }
}
