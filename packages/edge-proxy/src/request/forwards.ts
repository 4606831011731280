import { type Address, type Network, networkContains, parseAddress } from '@sallyport/policy';
import type { FrontProxies } from '../state/current.ts';
import type { ClientConnection } from './exchange.ts';

export function isIn(networks: readonly Network[], address: Address | string): boolean {
  const parsed = typeof address === 'string' ? parseAddress(address) : address;
  return parsed !== null && networks.some((network) => networkContains(network, parsed));
}

/**
 * Whether the client of a connection is a front proxy that says in X-Forwarded-For, anew with each
 * request, for whom it asks: be it the other end of the socket, or named by PROXY protocol. What the
 * connection shows of its client, such as a certificate, is then nobody's who asks.
 */
export function forwards(connection: ClientConnection, fronts: FrontProxies): boolean {
  if (fronts.forwardedFor.length === 0) return false;
  if (connection.lookedAtWith !== fronts) {
    connection.lookedAtWith = fronts;
    connection.forwards = isIn(fronts.forwardedFor, connection.sourceAddress);
  }
  return connection.forwards;
}
