import { RecentMap } from '@sallyport/shared/recent-map';
import { Reader } from 'maxmind';

const valuesMax = 1_024;

/** The one file that knows the library which reads the MaxMind format. */

export interface MmdbMetadata {
  readonly ipVersion: number;
  readonly nodeCount: number;
  readonly recordSize: number;
  readonly builtAtMs: number;
  readonly databaseType: string;
}

/**
 * A file in the MaxMind format. The library believes what the bytes say: only bytes that
 * `checkMmdb` has found good may be searched.
 */
export class Mmdb {
  readonly #reader: Reader<never>;

  /** Throws where the metadata cannot be read. */
  constructor(bytes: Buffer) {
    const values = new RecentMap<number, never>(valuesMax);
    const cache = {
      get: (offset: string | number) => values.get(Number(offset)),
      set: (offset: string | number, value: unknown) => values.set(Number(offset), value as never),
    };
    // Names of keys, countries and regions, which the records share: half of the time of a search.
    this.#reader = new Reader<never>(bytes, { cache });
  }

  get metadata(): MmdbMetadata {
    const { ipVersion, nodeCount, recordSize, buildEpoch, databaseType } = this.#reader.metadata;
    return { ipVersion, nodeCount, recordSize, builtAtMs: buildEpoch.getTime(), databaseType };
  }

  /** What the file says of a canonical address; null: nothing. */
  get(address: string): unknown {
    // The library would look for its first 32 bits among the IPv4 addresses.
    if (this.#reader.metadata.ipVersion === 4 && address.includes(':')) return null;
    return this.#reader.get(address);
  }
}
