/**
 * IP addresses and networks. Text is read strictly (four plain decimal numbers, or RFC 4291 without
 * a zone), because octal, short and decimal forms mean different hosts to different parsers. An
 * IPv4-mapped IPv6 address is the IPv4 address, so that a dual-stack listener changes nothing.
 */

/** Four 32-bit words; an IPv4 address stands in the last. */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly [number, number, number, number];
}

export interface Network extends Address {
  /** Bits that count, of 32 or 128. */
  readonly prefix: number;
  readonly masks: readonly [number, number, number, number];
}

/** Reads an address; null where it is not one, or could be read in more than one way. */
export function parseAddress(text: string): Address | null {
  if (text.length > 45) return null;
  if (!text.includes(':')) {
    const word = parseIpv4(text);
    return word === null ? null : ipv4(word);
  }
  const words = parseIpv6(text);
  if (words === null) return null;
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return mapped ? ipv4(words[3]) : { family: 6, words };
}

/** One text for one address: RFC 5952 for IPv6. Null where the text is not an address. */
export function canonicalAddress(text: string): string | null {
  const address = parseAddress(text);
  return address === null ? null : formatAddress(address);
}

/** Writes an address in its canonical form. */
export function formatAddress(address: Address): string {
  const last = address.words[3];
  if (address.family === 6) return formatIpv6(address.words);
  return `${last >>> 24}.${(last >>> 16) & 255}.${(last >>> 8) & 255}.${last & 255}`;
}

/**
 * Reads a CIDR block. Null without a prefix length, or where bits are set beyond it: both are more
 * often a slip than a wish, and a block that silently covers less than was meant is a hole.
 */
export function parseNetwork(cidr: string): Network | null {
  const parts = /^([0-9A-Fa-f.:]+)\/(0|[1-9][0-9]{0,2})$/.exec(cidr);
  const text = parts?.[1] ?? '';
  const address = parseAddress(text);
  if (address === null) return null;
  const mapped = address.family === 4 && text.includes(':');
  const prefix = Number(parts?.[2]) - (mapped ? 96 : 0);
  const bits = address.family === 4 ? 32 : 128;
  if (prefix < 0 || prefix > bits) return null;
  const masks = masksOf(prefix + 128 - bits);
  const { words } = address;
  const stray =
    (words[0] & ~masks[0]) |
    (words[1] & ~masks[1]) |
    (words[2] & ~masks[2]) |
    (words[3] & ~masks[3]);
  return stray === 0 ? { ...address, prefix, masks } : null;
}

/** Whether the address lies in the network. Text that is no address lies in none. */
export function networkContains(network: Network, address: Address | string): boolean {
  const other = typeof address === 'string' ? parseAddress(address) : address;
  if (other === null || other.family !== network.family) return false;
  const { words, masks } = network;
  const its = other.words;
  return (
    ((words[3] ^ its[3]) & masks[3]) === 0 &&
    ((words[0] ^ its[0]) & masks[0]) === 0 &&
    ((words[1] ^ its[1]) & masks[1]) === 0 &&
    ((words[2] ^ its[2]) & masks[2]) === 0
  );
}

function ipv4(word: number): Address {
  return { family: 4, words: [0, 0, 0, word] };
}

function masksOf(prefix: number): Network['masks'] {
  return [maskOf(prefix), maskOf(prefix - 32), maskOf(prefix - 64), maskOf(prefix - 96)];
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}

function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let word = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part)) return null;
    const byte = Number(part);
    if (byte > 255) return null;
    word = word * 256 + byte;
  }
  return word;
}

function parseIpv6(text: string): [number, number, number, number] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  // `::` stands for one group at the least.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  const word = (at: number) => (groups[at] ?? 0) * 65536 + (groups[at + 1] ?? 0);
  return [word(0), word(2), word(4), word(6)];
}

/** The 16-bit groups of one side of `::`; a dotted IPv4 address may close the last side. */
function parseGroups(text: string, last: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes('.')) {
      const word = parseIpv4(part);
      if (word === null) return null;
      groups.push(word >>> 16, word & 0xffff);
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return null;
    }
  }
  return groups;
}

function formatIpv6(words: Address['words']): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const gap = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (gap.length < 2) return hex(groups);
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.start + gap.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
