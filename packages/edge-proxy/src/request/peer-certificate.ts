import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from './exchange.ts';

/** What is looked at of a certificate, taken from its bytes alone, never from printed names (M8). */
export function peerCertificate(certificate: X509Certificate): PeerCertificate {
  return {
    certificate,
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  };
}
