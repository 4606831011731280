import { type Address, formatAddress } from '@sallyport/policy';
import { crc32c } from './crc32c.ts';

/**
 * The header of PROXY protocol version 2, which a front proxy sends before anything of the client's
 * (haproxy.org, proxy-protocol.txt, section 2.2). Nothing of version 1 is read.
 */

/** Signature, version and command, family and protocol, length of the rest. */
export const proxyHeaderFixedBytes = 16;
/** More than any front proxy has to say; a longer one is refused before it is read. */
const restBytesMax = 4096;

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const commandLocal = 0x20;
const commandProxy = 0x21;
const tcp4 = 0x11;
const tcp6 = 0x21;
const typeCrc32c = 0x03;

/** `missing`: it begins with something else. `invalid`: it begins so and does not go on so. */
export type ProxyHeaderProblem = 'proxy_header_missing' | 'proxy_header_invalid';

/** How many bytes follow the fixed ones, or what is wrong with these. */
export function readFixed(fixed: Buffer): number | ProxyHeaderProblem {
  if (!startsWithSignature(fixed)) return 'proxy_header_missing';
  if (fixed.length < proxyHeaderFixedBytes) return 'proxy_header_invalid';
  const command = fixed.readUInt8(12);
  if (command !== commandLocal && command !== commandProxy) return 'proxy_header_invalid';
  const length = fixed.readUInt16BE(14);
  return length > restBytesMax ? 'proxy_header_invalid' : length;
}

function startsWithSignature(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0 && length > 0;
}

/** Whom a front proxy speaks for. `address` null: for itself (LOCAL). */
export interface NamedClient {
  readonly address: string | null;
}

/** The client that a whole header names; null: it cannot be read. */
export function readClient(header: Buffer): NamedClient | null {
  if (header.readUInt8(12) === commandLocal) return { address: null };
  const family = header.readUInt8(13);
  // Sockets of a path, datagrams and what is not specified have no client that could be named.
  if (family !== tcp4 && family !== tcp6) return null;
  // Two addresses and two ports.
  const addressesEnd = proxyHeaderFixedBytes + (family === tcp4 ? 12 : 36);
  if (header.length < addressesEnd || !extensionsHold(header, addressesEnd)) return null;
  return { address: family === tcp4 ? addressFour(header) : addressSix(header) };
}

/** Whether the type-length-value entries end where the header does, and its checksum is right. */
function extensionsHold(header: Buffer, from: number): boolean {
  let checksumAt: number | null = null;
  let at = from;
  while (at < header.length) {
    if (at + 3 > header.length) return false;
    const type = header.readUInt8(at);
    const length = header.readUInt16BE(at + 1);
    if (at + 3 + length > header.length) return false;
    if (type === typeCrc32c) {
      if (length !== 4 || checksumAt !== null) return false;
      checksumAt = at + 3;
    }
    at += 3 + length;
  }
  if (checksumAt === null) return true;
  const blank = Buffer.from(header);
  blank.fill(0, checksumAt, checksumAt + 4);
  return crc32c(blank) === header.readUInt32BE(checksumAt);
}

function addressFour(header: Buffer): string {
  return formatAddress({ family: 4, words: [0, 0, 0, header.readUInt32BE(16)] });
}

/** An IPv4 address that is written as one of IPv6 is the IPv4 address, as everywhere. */
function addressSix(header: Buffer): string {
  const words: Address['words'] = [
    header.readUInt32BE(16),
    header.readUInt32BE(20),
    header.readUInt32BE(24),
    header.readUInt32BE(28),
  ];
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return mapped
    ? formatAddress({ family: 4, words: [0, 0, 0, words[3]] })
    : formatAddress({ family: 6, words });
}
