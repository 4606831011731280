import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { parseHostPort } from '@sallyport/shared/host-port';
import { localhostLookup } from '@sallyport/shared/network/lookup';

const waitMs = 3_000;

/** What the codes of Node mean to somebody who set up the edge. */
const meanings = new Map<string, string>([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'it closes the connection'],
  ['ENOTFOUND', 'its name is not known'],
  ['EAI_AGAIN', 'its name cannot be resolved now'],
  ['EHOSTUNREACH', 'there is no way to it'],
  ['ENETUNREACH', 'there is no way to it'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'it does not speak TLS there: is the port right?'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'it does not speak TLS there: is the port right?'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'it does not speak TLS 1.3: is the port right?'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet: is the clock right?'],
]);
const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);

/**
 * Connects once by TLS and says in plain words what is in the way, since gRPC passes on nothing but
 * the library's own text. Never rejects; takes 3 s at the most.
 */
export function connectionTrouble(address: string, caPem: string): Promise<string> {
  const target = parseHostPort(address);
  if (target === null) return Promise.resolve(`${address} is not host:port`);
  return new Promise((resolve) => {
    const settle = (what: string) => {
      socket.destroy();
      resolve(`${address}: ${what}`);
    };
    const socket = connect({
      ...target,
      ca: caPem,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      lookup: localhostLookup,
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    });
    socket.setTimeout(waitMs, () => settle('it does not answer'));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(meaning(error.code ?? 'unknown')));
    socket.once('secureConnect', () =>
      settle(socket.alpnProtocol === 'h2' ? 'it can be reached now' : 'it does not speak gRPC'),
    );
  });
}

function meaning(code: string): string {
  if (untrusted.has(code)) {
    return 'its certificate is not from the authority that this edge trusts (SALLYPORT_CONTROL_PLANE_CA)';
  }
  return meanings.get(code) ?? `the connection fails with ${code}`;
}
