import { type Address, formatAddress, parseAddress } from '@sallyport/policy';
import type { FrontProxies } from '../../state/current.ts';
import type { ClientConnection } from '../exchange.ts';
import { forwards, isIn } from '../forwards.ts';

/** Entries that are looked at: more front proxies in a row than this is no path of ours. */
const hopsMax = 32;

/** Nobody is believed. */
export const noFronts: FrontProxies = { proxyV2: [], forwardedFor: [] };

/**
 * Where a request comes from: as the connection does, unless its client is a front proxy that
 * forwards. null: X-Forwarded-For is not there, or cannot be read. Some front proxies leave it out
 * for a client that names it in `Connection`; taking such a request for the front proxy's own would
 * let it in wherever that one's network is let in.
 */
export function sourceOf(
  connection: ClientConnection,
  rawHeaders: readonly string[],
  fronts: FrontProxies,
): string | null {
  if (!forwards(connection, fronts)) return connection.sourceAddress;
  const entries = entriesOf(rawHeaders);
  return entries === null ? null : lastClient(entries, fronts);
}

/** The entries of all X-Forwarded-For lines in their order; null: there is no such line. */
function entriesOf(rawHeaders: readonly string[]): readonly string[] | null {
  let joined: string | null = null;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    // No other spelling is one: what a front proxy does not write, its clients may.
    if (rawHeaders[at]?.toLowerCase() !== 'x-forwarded-for') continue;
    const value = rawHeaders[at + 1] ?? '';
    joined = joined === null ? value : `${joined},${value}`;
  }
  return joined === null ? null : joined.split(',');
}

/**
 * The right-most address that is no front proxy's; the left-most where all are. What stands further
 * left was said by the client and is not even read.
 */
function lastClient(entries: readonly string[], fronts: FrontProxies): string | null {
  let address: Address | null = null;
  const until = Math.max(0, entries.length - hopsMax);
  for (let at = entries.length - 1; at >= until; at -= 1) {
    address = readEntry(entries[at] ?? '');
    if (address === null) return null;
    if (!isIn(fronts.forwardedFor, address) && !isIn(fronts.proxyV2, address)) {
      return formatAddress(address);
    }
  }
  return until > 0 || address === null ? null : formatAddress(address);
}

/** An address, of IPv6 also in brackets, and perhaps a port: nothing obfuscated, quoted or zoned. */
function readEntry(text: string): Address | null {
  const entry = text.replace(/^[ \t]+|[ \t]+$/g, '');
  const withPort = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(entry);
  if (withPort === null) return parseAddress(entry);
  const [, bracketed, four, port] = withPort;
  if (port !== undefined && Number(port) > 65_535) return null;
  const address = parseAddress(bracketed ?? four ?? '');
  // Brackets are for IPv6 alone, though that may stand for an address of IPv4.
  return bracketed !== undefined && !bracketed.includes(':') ? null : address;
}
