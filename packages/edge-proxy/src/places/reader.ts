import { type PlaceFacts, parseAddress, parseNetwork } from '@sallyport/policy';
import type { EgressTable } from '@sallyport/shared/network/egress';
import { NetworkTable } from '@sallyport/shared/network/network-table';
import { RecentMap } from '@sallyport/shared/recent-map';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import type { Mmdb } from './mmdb.ts';
import type { SharedPlaceFile, SharedPlaces } from './place-file.ts';
import { asnOf, type CityFacts, cityFacts } from './record.ts';

/** What is known of one address, as of one state of the data and of the settings. */
export interface PlacedAddress {
  readonly address: string;
  readonly egress: EgressTable;
  /** Rises with the data. */
  readonly version: number;
  /** null: nothing is. */
  readonly place: KnownPlace | null;
  /** The part that decisions look at. */
  readonly facts: PlaceFacts;
}

/** Who keeps what was last found, so that it is found again without a search: a connection. */
export interface PlaceHolder {
  place: PlacedAddress | null;
}

/** How a search ended. */
export const lookupResults = [
  /** Something is known of the place. */
  'found',
  /** The files do not know the address. */
  'unknown',
  /** Of an address that is nowhere: private, of this machine, of this link. */
  'internal',
  /** There is no file of places. */
  'no_data',
  /** A file could not be searched. */
  'failed',
] as const;
export type LookupResult = (typeof lookupResults)[number];

/** Addresses. */
const cachedMax = 4_096;
const nowhere: CityFacts = { country: null, region: null, coordinates: null };

/** Networks whose addresses say nothing of a place. */
const internal = new NetworkTable(
  [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '::/127',
    'fc00::/7',
    'fe80::/10',
  ].flatMap((text) => {
    const network = parseNetwork(text);
    return network === null ? [] : [[network, true] as const];
  }),
);

/**
 * Says where addresses are, from memory. One per worker; the bytes of the files are shared by all.
 * Never throws and never waits.
 */
export class PlaceReader {
  /** How searches ended; what was remembered is not searched for. */
  readonly results: Record<LookupResult, number> = {
    found: 0,
    unknown: 0,
    internal: 0,
    no_data: 0,
    failed: 0,
  };
  #files: Readonly<Record<keyof SharedPlaces, readonly Mmdb[]>> = { city: [], asn: [] };
  #version = 0;
  #egress: EgressTable | null = null;
  readonly #remembering = new RecentMap<string, PlacedAddress>(cachedMax);

  /** Lookups use these files from the end of the promise on; what was remembered is forgotten. */
  async use(places: SharedPlaces): Promise<void> {
    // Not before there is something to read: workers start without it.
    const { Mmdb } = await import('./mmdb.ts');
    const open = ({ bytes }: SharedPlaceFile) => new Mmdb(Buffer.from(bytes));
    this.#files = { city: places.city.map(open), asn: places.asn.map(open) };
    this.#version += 1;
    this.#remembering.clear();
  }

  /** What is known of a canonical address, kept by its holder until the data or settings change. */
  placeOf(holder: PlaceHolder, address: string, egress: EgressTable): PlacedAddress {
    const held = holder.place;
    if (
      held !== null &&
      held.version === this.#version &&
      held.egress === egress &&
      held.address === address
    ) {
      return held;
    }
    const found = this.#remembered(address, egress);
    holder.place = found;
    return found;
  }

  #remembered(address: string, egress: EgressTable): PlacedAddress {
    if (egress !== this.#egress) {
      this.#egress = egress;
      this.#remembering.clear();
    }
    const remembered = this.#remembering.get(address);
    if (remembered !== undefined) return remembered;
    const found = this.#search(address, egress);
    this.#remembering.set(address, found);
    return found;
  }

  #search(text: string, egress: EgressTable): PlacedAddress {
    const address = parseAddress(text);
    const isPlaced = address !== null && internal.find(address) === null;
    if (!isPlaced) this.results.internal += 1;
    const city = isPlaced ? this.#city(text) : nowhere;
    const asn = isPlaced ? this.#asn(text) : null;
    const wayOut =
      address === null ? null : isPlaced ? egress.find(address, asn) : egress.ofNetwork(address);
    const { country, region, coordinates } = city;
    const name = wayOut === '' ? null : wayOut;
    const isKnown = [country, region, coordinates, asn, name].some((value) => value !== null);
    return {
      address: text,
      egress,
      version: this.#version,
      place: isKnown ? { country, region, coordinates, asn, egress: name } : null,
      facts: { country, region, asn, egress: wayOut },
    };
  }

  #city(address: string): CityFacts {
    const { city } = this.#files;
    const found = firstIn(city, address, (record) => cityFacts(record));
    this.results[found === null && city.length === 0 ? 'no_data' : resultOf(found)] += 1;
    return found === 'failed' || found === null ? nowhere : found;
  }

  #asn(address: string): number | null {
    const found = firstIn(this.#files.asn, address, asnOf);
    return found === 'failed' ? null : found;
  }
}

function resultOf(found: CityFacts | 'failed' | null): LookupResult {
  if (found === 'failed') return 'failed';
  return found === null ? 'unknown' : 'found';
}

/**
 * What the first file that knows the address says of it. The files were checked whole, so that none
 * should fail; if one does, a place is not known.
 */
function firstIn<Value>(
  files: readonly Mmdb[],
  address: string,
  read: (record: unknown) => Value | null,
): Value | 'failed' | null {
  for (const file of files) {
    try {
      const record = file.get(address);
      const found = record === null ? null : read(record);
      if (found !== null) return found;
    } catch {
      return 'failed';
    }
  }
  return null;
}
