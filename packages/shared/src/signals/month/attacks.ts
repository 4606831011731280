import type { Dice } from '../../sync/simulation/random.ts';
import type { DetectorName } from '../finding.ts';
import { distanceKm } from '../geo.ts';
import { type Diary, hourMs, minuteMs, monthDays } from './diary.ts';
import { asnOf, type City, cities, citiesOf } from './geography.ts';
import { type Access, fixedLine } from './network.ts';
import type { Person } from './person.ts';
import { midnightMs } from './stays.ts';

/** What an attacker did to a user: the truth that findings are measured by. */
export interface Attack {
  readonly kind: AttackKind;
  /** From the user's own country. */
  readonly near: boolean;
  /** The detectors that are meant to notice it. */
  readonly meantFor: readonly DetectorName[];
}

/** How many users of a thousand it happens to in a month. */
const perThousand = {
  'stolen-cookie': 15,
  'stolen-password': 15,
  'cookie-on-other-device': 8,
  guessing: 8,
  spraying: 20,
  probing: 10,
} as const;
/** Of those whose cookie is stolen from a device. */
const keysTaken = 0.15;
export type AttackKind = keyof typeof perThousand;

/** Attacks the user, or mostly not. Only what the attacker did is written, never what is seen. */
export function attack(diary: Diary, dice: Dice, person: Person): Attack | null {
  let luck = dice.next() * 1000;
  for (const [kind, share] of Object.entries(perThousand) as [AttackKind, number][]) {
    luck -= share;
    if (luck < 0) return kinds[kind](diary, dice, person);
  }
  return null;
}

type Attacker = (diary: Diary, dice: Dice, person: Person) => Attack;

const kinds: Readonly<Record<AttackKind, Attacker>> = {
  'stolen-cookie': (diary, dice, person) => {
    // A device's key does not leave it, but where malware took it from a file.
    if (person.laptop !== null && !dice.chance(keysTaken)) {
      return onOtherDevice('stolen-cookie', diary, dice, person);
    }
    const { day, fromMs } = beginning(dice, person);
    const { city, access } = lair(dice, person);
    const who = { deviceId: person.laptop, sid: `ses_${person.userId}_${String(day)}` };
    uses(dice, fromMs, (atMs) => diary.sighted(atMs, who, access(dice, day)));
    const meantFor = ['impossible-travel', ...ifAbroad(person, city)] as const;
    return { kind: 'stolen-cookie', near: isNear(person, city), meantFor };
  },
  'stolen-password': (diary, dice, person) => {
    const { day, fromMs } = beginning(dice, person);
    const { city, access } = lair(dice, person);
    const deviceId = dice.chance(0.2) ? `dev_attacker_${person.userId}` : null;
    const who = { deviceId, sid: `ses_attacker_${person.userId}` };
    diary.signedIn(fromMs, who, access(dice, day));
    uses(dice, fromMs, (atMs) => diary.sighted(atMs, who, access(dice, day)));
    const device = deviceId === null ? [] : (['new-device'] as const);
    const meantFor = [
      'impossible-travel',
      'distant-sessions',
      ...device,
      ...ifAbroad(person, city),
    ] as const;
    return { kind: 'stolen-password', near: isNear(person, city), meantFor };
  },
  'cookie-on-other-device': (diary, dice, person) =>
    onOtherDevice('cookie-on-other-device', diary, dice, person),
  guessing: (diary, dice, person) => tries(diary, dice, person, 'guessing', dice.int(8, 60)),
  // Few tries for each of many: most of it looks like somebody who mistypes.
  spraying: (diary, dice, person) => tries(diary, dice, person, 'spraying', dice.int(1, 12)),
  probing: (diary, dice, person) => {
    const { day, fromMs } = beginning(dice, person);
    const who = { deviceId: person.laptop, sid: `ses_${person.userId}_${String(day)}` };
    const place = person.atHome(dice, day);
    const gapMs = dice.pick([200, 1000, 3000, 10_000, 30_000]);
    let atMs = fromMs;
    for (let i = dice.int(20, 200); i > 0; i -= 1) {
      diary.denied(atMs, who, place, 'payroll', 'no_rule_matched');
      atMs += gapMs;
    }
    return { kind: 'probing', near: false, meantFor: ['denial-burst'] };
  },
};

/** The edge refuses a cookie that comes without its device, or with another. */
function onOtherDevice(kind: AttackKind, diary: Diary, dice: Dice, person: Person): Attack {
  const { day, fromMs } = beginning(dice, person);
  const { access } = lair(dice, person);
  const deviceId = dice.chance(0.5) ? null : `dev_attacker_${person.userId}`;
  const who = { deviceId, sid: `ses_${person.userId}_${String(day)}` };
  uses(dice, fromMs, (atMs) =>
    diary.denied(atMs, who, access(dice, day), 'wiki', 'session_other_device'),
  );
  return { kind, near: false, meantFor: ['session-on-other-device'] };
}

/** Half of them when the user is at work, half at any time. */
function beginning(dice: Dice, person: Person) {
  const day = dice.int(4, monthDays - 2);
  const minutes = dice.chance(0.5) ? dice.int(540, 1020) : dice.int(0, 1439);
  return { day, fromMs: midnightMs(person, day) + minutes * minuteMs };
}

/** Mostly abroad; sometimes near by, and some rent an address of the user's own provider. */
function lair(dice: Dice, person: Person): { readonly city: City; readonly access: Access } {
  const luck = dice.next();
  const abroad = cities.filter((city) => distanceKm(city, person.home) > 500);
  const city =
    luck < 0.05 ? person.home : dice.pick(luck < 0.25 ? citiesOf(person.home.country) : abroad);
  return { city, access: fixedLine(dice, city, asnOf(city.country, dice.int(0, 1))) };
}

function isNear(person: Person, city: City): boolean {
  return city.country === person.home.country;
}

function ifAbroad(person: Person, city: City): readonly ['new-country'] | readonly [] {
  const visited = [person.home, ...person.trips.map((trip) => trip.city)];
  return visited.some((one) => one.country === city.country) ? [] : ['new-country'];
}

function uses(dice: Dice, fromMs: number, use: (atMs: number) => void): void {
  let atMs = fromMs;
  for (let i = dice.int(1, 25); i > 0; i -= 1) {
    use(atMs);
    atMs += dice.int(1, 15) * minuteMs;
  }
}

function tries(
  diary: Diary,
  dice: Dice,
  person: Person,
  kind: 'guessing' | 'spraying',
  count: number,
): Attack {
  const { day, fromMs } = beginning(dice, person);
  const { access } = lair(dice, person);
  // Slow ones as well: an hour between two tries.
  const gapMs = dice.pick([500, 5000, 30_000, 120_000, hourMs]);
  for (let i = 0; i < count; i += 1) diary.failed(fromMs + i * gapMs, access(dice, day));
  return { kind, near: false, meantFor: ['failed-sign-ins'] };
}
