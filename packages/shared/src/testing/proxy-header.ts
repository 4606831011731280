import { parseAddress } from '@sallyport/policy';

export interface ProxyHeaderOptions {
  /** 1: PROXY; 0: LOCAL. */
  readonly command?: number;
  /** Address family and protocol. Default: TCP over IPv4 or IPv6, as the address is. */
  readonly family?: number;
  /** Type-length-value entries. */
  readonly extensions?: Uint8Array;
  /** What the header says of its length. Default: the truth. */
  readonly length?: number;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** A header of PROXY protocol version 2 as a front proxy sends it for the client at `source`. */
export function proxyHeader(source: string, options: ProxyHeaderOptions = {}): Buffer {
  const address = parseAddress(source);
  if (address === null) throw new TypeError(`${source} is no address`);
  const { command = 1, extensions = new Uint8Array(0) } = options;
  const { family = address.family === 4 ? 0x11 : 0x21 } = options;
  const size = address.family === 4 ? 4 : 16;
  const addresses = Buffer.alloc(2 * size + 4);
  for (const [at, word] of address.words.slice(4 - size / 4).entries()) {
    addresses.writeUInt32BE(word >>> 0, 4 * at);
  }
  addresses.writeUInt16BE(40_000, 2 * size);
  addresses.writeUInt16BE(443, 2 * size + 2);
  const rest = Buffer.concat([addresses, extensions]);
  const start = Buffer.from([0x20 | command, family, 0, 0]);
  start.writeUInt16BE(options.length ?? rest.length, 2);
  return Buffer.concat([signature, start, rest]);
}
