import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** Of all that a client may show; an authority issues to devices directly, so one would do. */
const certificatesMax = 10;
const certificateBytesMax = 16_384;
/** Handshakes of clients that show one certificate end before this. */
const fewBytes = 6_144;
/** As large as headers may be that come at once behind such a handshake, and larger. */
const strangerBytesMax = 24_576;

/**
 * The certificate that a client has shown; null: none. What stands behind it is looked at by nobody,
 * and kept as long as the connection is open: a hundred others are 1 MiB of it. To count them Node
 * copies each, which takes 12 ms for a hundred and memory that its collector knows nothing of. So
 * they are not even counted where nobody believes the first, and much has been received.
 */
export function shownCertificate(socket: TLSSocket): X509Certificate | 'too_large' | null {
  const received = receivedBytes(socket);
  if (socket.authorized || received <= fewBytes) {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return null;
    return areTooLarge(certificate) ? 'too_large' : certificate;
  }
  // Empty where the client sent none.
  const { raw }: { readonly raw?: Buffer } = socket.getPeerCertificate(false);
  if (raw === undefined) return null;
  if (received > strangerBytesMax || raw.length > certificateBytesMax) return 'too_large';
  return new X509Certificate(raw);
}

function areTooLarge(shown: X509Certificate): boolean {
  let count = 0;
  let bytes = 0;
  for (let one: X509Certificate | undefined = shown; one; one = one.issuerCertificate) {
    count += 1;
    bytes += one.raw.length;
    if (count > certificatesMax || bytes > certificateBytesMax) return true;
  }
  return false;
}

/** By the connection beneath, to which no public name leads; 0: not known. */
function receivedBytes(socket: TLSSocket & { readonly _parent?: Pick<Socket, 'bytesRead'> }) {
  return socket._parent?.bytesRead ?? 0;
}
