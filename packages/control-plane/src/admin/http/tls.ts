import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { TlsPair } from '../../config.ts';

/** TLS of the admin listener: 1.3 only, and no tickets, so that every connection is a new one. */
export function adminTls(pair: TlsPair): SecureContextOptions {
  return {
    cert: pair.certificate,
    key: pair.privateKey,
    minVersion: 'TLSv1.3',
    // OpenSSL wants a suite of 1.2 beside the level; it is never offered.
    ciphers:
      'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:' +
      'ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=2',
    ecdhCurve: 'X25519MLKEM768:X25519:P-256',
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}
