import { type Address, type Network, parseAddress } from '@sallyport/policy';

/** The networks of one length, by their first bits. */
interface Length<Value> {
  readonly family: 4 | 6;
  readonly masks: Network['masks'];
  readonly values: Map<string | number, Value>;
}

/**
 * Finds the value of the narrowest network that an address is in. However many networks there are,
 * a search asks once for each length that they have.
 */
export class NetworkTable<Value> {
  /** The narrowest first. */
  readonly #lengths: readonly Length<Value>[];

  /** Where the same network is given twice, the first counts. */
  constructor(entries: readonly (readonly [Network, Value])[]) {
    const lengths = new Map<string, Length<Value> & { readonly prefix: number }>();
    for (const [network, value] of entries) {
      const { family, prefix, masks } = network;
      const name = `${family}/${prefix}`;
      const length = lengths.get(name) ?? { family, prefix, masks, values: new Map() };
      lengths.set(name, length);
      const key = keyOf(network, masks);
      if (!length.values.has(key)) length.values.set(key, value);
    }
    this.#lengths = [...lengths.values()].sort((a, b) => b.prefix - a.prefix);
  }

  /** null: the address is in none of the networks, or is no address. */
  find(address: Address | string): Value | null {
    if (this.#lengths.length === 0) return null;
    const read = typeof address === 'string' ? parseAddress(address) : address;
    if (read === null) return null;
    for (const { family, masks, values } of this.#lengths) {
      if (family !== read.family) continue;
      const value = values.get(keyOf(read, masks));
      if (value !== undefined) return value;
    }
    return null;
  }
}

function keyOf({ family, words }: Address, masks: Network['masks']): string | number {
  if (family === 4) return words[3] & masks[3];
  return `${words[0] & masks[0]} ${words[1] & masks[1]} ${words[2] & masks[2]} ${words[3] & masks[3]}`;
}
