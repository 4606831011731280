import type { Socket } from 'node:net';
import { canonicalAddress } from '@sallyport/policy';

/**
 * Where the other end of a socket is, canonical; null: it has gone already. A link-local address has
 * a zone, which names an interface of this machine and means nothing elsewhere (RFC 4007, section 6).
 */
export function peerAddress({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string | null {
  const zoneAt = remoteAddress.indexOf('%');
  return canonicalAddress(zoneAt < 0 ? remoteAddress : remoteAddress.slice(0, zoneAt));
}
