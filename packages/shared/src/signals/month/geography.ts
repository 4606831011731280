/** A city that users live in, travel to and are attacked from. */
export interface City {
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
}

const rows: readonly (readonly [string, number, number])[] = [
  ['DE', 52.52, 13.4],
  ['DE', 48.14, 11.58],
  ['DE', 53.55, 9.99],
  ['DE', 50.94, 6.96],
  ['FR', 48.86, 2.35],
  ['FR', 43.3, 5.37],
  ['GB', 51.51, -0.13],
  ['GB', 55.86, -4.25],
  ['PL', 52.23, 21.01],
  ['PL', 50.06, 19.94],
  ['ES', 40.42, -3.7],
  ['ES', 41.39, 2.17],
  ['US', 40.71, -74.01],
  ['US', 41.88, -87.63],
  ['US', 37.77, -122.42],
  ['US', 30.27, -97.74],
  ['US', 47.61, -122.33],
  ['BR', -23.55, -46.63],
  ['BR', -3.12, -60.02],
  ['BR', -12.97, -38.5],
  ['IN', 12.97, 77.59],
  ['IN', 28.61, 77.21],
  ['IN', 22.57, 88.36],
  ['AU', -33.87, 151.21],
  ['AU', -31.95, 115.86],
  ['JP', 35.68, 139.69],
  ['SG', 1.35, 103.82],
  ['NG', 6.52, 3.38],
  ['RU', 55.76, 37.62],
  ['VN', 21.03, 105.85],
];

export const cities: readonly City[] = rows.map(([country, latitude, longitude]) => ({
  country,
  latitude,
  longitude,
}));

/** Where the people work: attackers are elsewhere as well. */
export const homes = cities.slice(0, 25);

const countries = [...new Set(cities.map((city) => city.country))];

/** Numbers of a country's providers: 0 and 1 at home, 2 and 3 mobile, 4 hotels, 5 offices. */
export function asnOf(country: string, provider: number): number {
  return 1000 + countries.indexOf(country) * 10 + provider;
}

/** The cities of a country; there is at least the one that it was named by. */
export function citiesOf(country: string): readonly City[] {
  return cities.filter((city) => city.country === country);
}

/** Of a company's own network, of in-flight internet, of relays that anybody may rent. */
export const specialAsn = { company: 64_500, inFlight: 64_510, relay: 64_520 } as const;
