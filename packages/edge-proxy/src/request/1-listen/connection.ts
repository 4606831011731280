import type { TLSSocket } from 'node:tls';
import { canonicalHost } from '@sallyport/policy';
import type { ListenerSettings } from '../../state/current.ts';
import type { ClientConnection, ServedNames } from '../exchange.ts';
import { ExchangeList } from '../exchange-list.ts';
import { peerCertificate } from '../peer-certificate.ts';
import type { HandshakeCode } from '../words.ts';
import { peerAddress } from './peer-address.ts';
import { isNewEnough, Reach } from './reach.ts';
import { shownCertificate } from './shown-certificate.ts';

/**
 * What a finished handshake tells; `clientOf`: what a front proxy told before it. A code where the
 * connection cannot be served: it has no name (M5), its version of TLS is older than its host asks for,
 * which no context of a name enforces, or it shows certificates without measure. null: the client has
 * gone meanwhile. Identity is taken from the certificate's bytes alone, never from printed names (M8).
 */
export function connectionOf(
  socket: TLSSocket,
  find: (serverName: string) => ServedNames | null,
  clientOf: (socket: TLSSocket) => string | null,
  settings: () => ListenerSettings,
): ClientConnection | HandshakeCode | null {
  const socketAddress = peerAddress(socket);
  const version = socket.getProtocol();
  if (socketAddress === null || version === null) return null;
  // `false` where the client sent none.
  const sent: unknown = socket.servername;
  const serverName = typeof sent === 'string' ? canonicalHost(sent) : null;
  const served = serverName === null ? null : find(serverName);
  if (serverName === null || served === null) return 'server_name_unknown';
  if (!isNewEnough(version, settings().tlsPolicies.of(serverName))) return 'tls_version_too_old';
  const certificate = shownCertificate(socket);
  if (certificate === 'too_large') return 'certificates_too_large';
  return {
    serverName,
    names: new Reach(serverName, served, version, settings),
    socketAddress,
    sourceAddress: clientOf(socket) ?? socketAddress,
    forwards: false,
    lookedAtWith: null,
    place: null,
    peer: certificate === null ? null : peerCertificate(certificate),
    exchanges: new ExchangeList(),
    lastCookies: null,
    lastOpened: null,
    lastDevice: null,
    lastRisk: null,
  };
}
