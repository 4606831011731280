import { type Address, parseNetwork } from '@sallyport/policy';
import type { SettingsDocument } from '../configuration/documents.ts';
import { NetworkTable } from './network-table.ts';

/** One known way out to the internet, as Settings has it (`network.egress`). */
export type Egress = NonNullable<
  NonNullable<SettingsDocument['spec']['network']>['egress']
>[number];

/** The known ways out, for finding the one that an address is of. */
export class EgressTable {
  readonly #networks: NetworkTable<string>;
  readonly #asns: ReadonlyMap<number, string>;

  /** Throws where a text is not a network. */
  constructor(written: readonly Egress[]) {
    this.#networks = new NetworkTable(
      written.flatMap(({ name, networks = [] }) =>
        networks.map((text) => {
          const network = parseNetwork(text);
          if (network === null) throw new TypeError(`${text} is not a network`);
          return [network, name] as const;
        }),
      ),
    );
    this.#asns = new Map(written.flatMap(({ name, asns = [] }) => asns.map((asn) => [asn, name])));
  }

  /**
   * The name of the way out that the address is of: that with the narrowest network around it, else
   * that with its autonomous system. Empty: of none. null: it cannot be told, because some ways out
   * are known by their systems, and the system of this address is not known.
   */
  find(address: Address, asn: number | null): string | null {
    const name = this.ofNetwork(address);
    if (name !== '') return name;
    if (this.#asns.size === 0) return '';
    return asn === null ? null : (this.#asns.get(asn) ?? '');
  }

  /** The same by networks alone, for an address that has no autonomous system. */
  ofNetwork(address: Address): string {
    return this.#networks.find(address) ?? '';
  }
}
