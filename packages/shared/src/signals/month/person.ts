import type { Dice } from '../../sync/simulation/random.ts';
import { distanceKm } from '../geo.ts';
import { asnOf, type City, homes, specialAsn } from './geography.ts';
import { type Access, fixedLine, mobile, relay, wayOut } from './network.ts';

export const personKinds = [
  'commuter',
  'home-worker',
  'satellite-office',
  'vpn',
  'private-vpn',
  'traveller',
  'mobile',
] as const;
export type PersonKind = (typeof personKinds)[number];

/** Away from the morning of one day to the evening of another. */
export interface Trip {
  readonly fromDay: number;
  readonly toDay: number;
  readonly city: City;
  readonly hotel: Access;
  /** The computer at home stays on, with a page that asks again and again. */
  readonly leftOn: boolean;
  /** Seen at the gate and again at touch-down. */
  readonly hurried: boolean;
  readonly online: boolean;
}

export interface Person {
  readonly userId: string;
  readonly kind: PersonKind;
  readonly home: City;
  /** null: uses browsers that nobody enrolled. */
  readonly laptop: string | null;
  readonly phone: { readonly deviceId: string | null } | null;
  readonly atHome: Access;
  readonly atWork: Access;
  readonly onPhone: Access;
  /** null: none. */
  readonly tunnel: Access | null;
  readonly trips: readonly Trip[];
}

/** The company's seat, with its ways out. */
const seat: City = { country: 'DE', latitude: 52.52, longitude: 13.4 };
const weights: readonly (readonly [PersonKind, number])[] = [
  ['commuter', 0.46],
  ['home-worker', 0.2],
  ['satellite-office', 0.1],
  ['vpn', 0.08],
  ['private-vpn', 0.02],
  ['traveller', 0.08],
  ['mobile', 0.06],
];

/** Somebody of the 10,000. */
export function personOf(dice: Dice, index: number): Person {
  const kind = kindOf(dice.next());
  const home = dice.pick(homes);
  const enrolled = dice.chance(0.8);
  const id = (thing: string) => (enrolled ? `dev_${thing}_${String(index)}` : null);
  return {
    userId: `usr_${String(index)}`,
    kind,
    home,
    laptop: id('laptop'),
    phone: kind === 'mobile' || dice.chance(0.5) ? { deviceId: id('phone') } : null,
    atHome: fixedLine(dice, home, asnOf(home.country, dice.int(0, 1))),
    atWork: workOf(dice, kind, home),
    onPhone: mobile(dice, home.country),
    tunnel: tunnelOf(dice, kind, home),
    trips: tripsOf(dice, kind, home),
  };
}

function kindOf(luck: number): PersonKind {
  let sum = 0;
  for (const [kind, weight] of weights) {
    sum += weight;
    if (luck < sum) return kind;
  }
  return 'commuter';
}

/** A satellite office goes out at the seat; for one in eight nobody has written that down. */
function workOf(dice: Dice, kind: PersonKind, home: City): Access {
  if (kind === 'satellite-office') return wayOut(seat, dice.chance(0.125) ? null : 'seat');
  const known = dice.chance(0.7);
  return wayOut(home, known ? 'office' : null, known ? specialAsn.company : asnOf(home.country, 5));
}

function tunnelOf(dice: Dice, kind: PersonKind, home: City): Access | null {
  if (kind === 'vpn') return wayOut(seat, 'vpn');
  return kind === 'private-vpn' ? relay(dice, home.country) : null;
}

function tripsOf(dice: Dice, kind: PersonKind, home: City): readonly Trip[] {
  if (kind !== 'traveller') return [];
  const trips: Trip[] = [];
  for (let day = dice.int(1, 12); day < 24; day += dice.int(6, 20)) {
    const toDay = day + dice.int(1, 5);
    const city = dice.pick(homes.filter((other) => distanceKm(other, home) > 300));
    trips.push({
      fromDay: day,
      toDay,
      city,
      hotel: fixedLine(dice, city, asnOf(city.country, 4)),
      leftOn: dice.chance(0.2),
      hurried: dice.chance(0.3),
      online: dice.chance(0.1),
    });
    day = toDay;
  }
  return trips;
}
