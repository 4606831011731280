import type { TLSSocket } from 'node:tls';
import { canonicalAddress, canonicalHost } from '@sallyport/policy';
import type { ClientConnection, PeerCertificate, ServedNames } from '../exchange.ts';

/**
 * What a finished handshake tells; `clientOf`: what a front proxy told before it. null: the connection cannot be served, because it has no name
 * (M5) or its address cannot be read. Identity is taken from the certificate's bytes alone, never
 * from printed names (M8).
 */
export function connectionOf(
  socket: TLSSocket,
  find: (serverName: string) => ServedNames | null,
  clientOf: (socket: TLSSocket) => string | null,
): ClientConnection | null {
  // `false` where the client sent none.
  const sent: unknown = socket.servername;
  const serverName = typeof sent === 'string' ? canonicalHost(sent) : null;
  const names = serverName === null ? null : find(serverName);
  const socketAddress = canonicalAddress(socket.remoteAddress ?? '');
  if (serverName === null || names === null || socketAddress === null) return null;
  return {
    serverName,
    names,
    socketAddress,
    sourceAddress: clientOf(socket) ?? socketAddress,
    forwards: false,
    lookedAtWith: null,
    place: null,
    peer: peerOf(socket),
    exchanges: new Set(),
    lastCookies: null,
    lastOpened: null,
    lastRisk: null,
  };
}

function peerOf(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  return {
    certificate,
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  };
}
