import { inspectCertificate } from './certificate.ts';

/**
 * Whether a server's certificate, whose chain and dates have been verified, is that of the SPIFFE ID: a
 * leaf with this URI and no other (X509-SVID, sections 2 and 5.2). Read from its bytes, never from
 * text that somebody printed. Never throws.
 */
export function isServerOf(certificateDer: Uint8Array, spiffeId: string): boolean {
  const info = inspectCertificate(certificateDer);
  if (info === null || info.isCa || info.oddNames || info.keyUsage?.keyCertSign === true) {
    return false;
  }
  const { uris, keyUsage, extendedKeyUsage, hasServerAuth } = info;
  return (
    uris.length === 1 &&
    uris[0] === spiffeId &&
    keyUsage?.digitalSignature !== false &&
    (extendedKeyUsage === null || hasServerAuth)
  );
}
