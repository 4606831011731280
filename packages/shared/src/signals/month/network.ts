import type { Dice } from '../../sync/simulation/random.ts';
import type { KnownPlace } from '../place.ts';
import { asnOf, type City, cities, citiesOf, specialAsn } from './geography.ts';

/** A network that somebody uses: what the data on places say of its address now. */
export type Access = (dice: Dice, day: number) => KnownPlace | null;

/**
 * An address of a provider in a city. The data are wrong in the ways that real ones are: the
 * provider's seat in place of the city, another country, no coordinates, nothing at all; versions 4
 * and 6 are told apart by luck; and now and then an update of the data moves the address.
 */
export function fixedLine(dice: Dice, city: City, asn: number): Access {
  const four = addressOf(dice, city, asn, false);
  const six = addressOf(dice, city, asn, true);
  const movedOn = dice.chance(0.01) ? dice.int(5, 28) : 99;
  const moved = addressOf(dice, dice.pick(citiesOf(city.country)), asn, false);
  return (now, day) => (day >= movedOn ? moved : now.chance(0.35) ? six : four);
}

/** A mobile network: its ways out are all over the country, and move from request to request. */
export function mobile(dice: Dice, country: string): Access {
  const asn = asnOf(country, dice.int(2, 3));
  const usual = dice.pick(citiesOf(country));
  return (now) => {
    if (now.chance(0.02)) return null;
    const gateway = now.chance(0.6) ? usual : now.pick(citiesOf(country));
    // Some data say a point and mean a country.
    const accuracyKm = now.chance(0.12) ? 20 : now.int(100, 500);
    return placeOf(gateway, asn, accuracyKm, now);
  };
}

/** A way out of the company's: known by Settings, or one that nobody wrote down. */
export function wayOut(city: City, name: string | null, asn: number = specialAsn.company): Access {
  return (now) => ({ ...placeOf(city, asn, 20, now), egress: name });
}

/** A private VPN's exit: this one on one day, another on the next, half of them abroad. */
export function relay(dice: Dice, country: string): Access {
  const exits = [dice.pick(cities), dice.pick(citiesOf(country))];
  return (now, day) => placeOf(exits[day % 2] ?? dice.pick(cities), specialAsn.relay, 50, now);
}

/** On board: a ground station of the provider's, which are few, wherever the aeroplane is. */
export const inFlight: Access = (now, day) => {
  const station = cities[[0, 6, 13, 26][day % 4] ?? 0];
  if (now.chance(0.4) || station === undefined) return null;
  return placeOf(station, specialAsn.inFlight, 100, now);
};

function addressOf(dice: Dice, city: City, asn: number, six: boolean): KnownPlace | null {
  const luck = dice.next();
  if (luck < 0.01) return null;
  if (luck < 0.03) return { ...placeOf(city, asn, 0, dice), coordinates: null };
  if (luck < 0.034) return placeOf(dice.pick(cities), asn, 50, dice);
  const seat = citiesOf(city.country)[0] ?? city;
  if (six && luck < 0.2) return placeOf(seat, asn, dice.pick([50, 200, 500]), dice);
  if (luck < 0.06) return placeOf(seat, asn, dice.pick([20, 100]), dice);
  return placeOf(city, asn, dice.pick([5, 20, 50, 100]), dice);
}

function placeOf(city: City, asn: number, accuracyKm: number, dice: Dice): KnownPlace {
  const off = () => (dice.next() - 0.5) * 0.4;
  return {
    country: city.country,
    region: null,
    coordinates: {
      latitude: city.latitude + off(),
      longitude: city.longitude + off(),
      accuracyKm,
    },
    asn,
    egress: null,
  };
}
