import { canonicalAddress, type Network, networkContains } from '@sallyport/policy';
import ipaddr from 'ipaddr.js';

/**
 * Which addresses belong to networks that a configuration must not reach without saying so (abuse
 * row 127): everything that is not plain global unicast.
 */

/**
 * Whether the address is not globally reachable unicast: loopback, private, link-local, shared,
 * unique local, multicast, reserved, documentation, or a translation of an IPv4 address. Text that
 * is not an address counts as internal.
 */
export function isInternalAddress(address: string): boolean {
  const canonical = canonicalAddress(address);
  if (canonical === null) return true;
  const parsed = ipaddr.parse(canonical);
  if (parsed.range() !== 'unicast') return true;
  // Of IPv6, only 2000::/3 has been given out; the table of the library leaves the rest open.
  return parsed instanceof ipaddr.IPv6 && ((parsed.parts[0] ?? 0) & 0xe000) !== 0x2000;
}

/** Whether a connection may go there: it is not internal, or one of the listed networks holds it. */
export function addressAllowed(address: string, internal: readonly Network[]): boolean {
  return (
    !isInternalAddress(address) || internal.some((network) => networkContains(network, address))
  );
}
