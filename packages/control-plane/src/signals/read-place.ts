import type { Place } from '@sallyport/proto';
import { areCoordinates } from '@sallyport/shared/signals/geo';
import type { Coordinates, KnownPlace } from '@sallyport/shared/signals/place';

const regionCharactersMax = 64;
const asnMax = 4_294_967_295;

/** What is given of a place, by whoever. */
interface SaidPlace {
  readonly country: string | null;
  readonly region: string | null;
  readonly coordinates: Coordinates | null;
  readonly asn: number | null;
  readonly egress: string | null;
}

/** Codes that stand for no country. */
const noCountries: ReadonlySet<string> = new Set(['EU', 'EZ', 'QO', 'UN', 'XA', 'XB', 'ZZ']);
const countryNames = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** Whether it is the ISO 3166-1 alpha-2 code of a country, upper case. */
function isCountry(code: string): boolean {
  return /^[A-Z]{2}$/.test(code) && !noCountries.has(code) && countryNames.of(code) !== undefined;
}

/** The place, if all that is said of it can be so; null otherwise. */
function checkPlace(said: SaidPlace): KnownPlace | null {
  const { country, region, coordinates, asn, egress } = said;
  const fits =
    (country === null || isCountry(country)) &&
    (region === null || isShortText(region)) &&
    (coordinates === null || areCoordinates(coordinates)) &&
    (asn === null || (Number.isInteger(asn) && asn > 0 && asn <= asnMax)) &&
    (egress === null || /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(egress));
  return fits ? { country, region, coordinates, asn, egress } : null;
}

/** Of a place of which nobody says how exact it is: a large city and what is around it. */
const accuracyKmDefault = 50;

/** The place as an edge sent it; null: it cannot be one. */
export function readPlaceOnWire(said: Place): KnownPlace | null {
  const { country, region, latitude, longitude, accuracyKm, asn, egress } = said;
  // Half of a pair of coordinates is no place.
  if ((latitude === undefined) !== (longitude === undefined)) return null;
  const coordinates =
    latitude === undefined || longitude === undefined
      ? null
      : { latitude, longitude, accuracyKm: accuracyKm ?? accuracyKmDefault };
  return checkPlace({
    country: country === '' ? null : country,
    region: region === '' ? null : region,
    coordinates,
    asn: asn === 0 ? null : asn,
    egress: egress === '' ? null : egress,
  });
}

/** The place in the facts of a record, which are what an edge wrote; null: none that can be one. */
export function readKnownPlace(facts: unknown): KnownPlace | null {
  if (typeof facts !== 'object' || facts === null) return null;
  const { country, region, asn, egress } = facts as Readonly<Record<string, unknown>>;
  return checkPlace({
    country: typeof country === 'string' ? country : null,
    region: typeof region === 'string' ? region : null,
    coordinates: null,
    asn: typeof asn === 'number' ? asn : null,
    egress: typeof egress === 'string' ? egress : null,
  });
}

function isShortText(text: string): boolean {
  return (
    text !== '' &&
    text.length <= regionCharactersMax &&
    text.isWellFormed() &&
    !/\p{Cc}/u.test(text)
  );
}
