import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/**
 * What every context of the public listener has (hardening.md section 1). No tickets and so no
 * resumption: a resumed session would carry a device certificate that nobody looks at again
 * (M1, M4, M6). Node.js can only make those of TLS 1.3 stateful, and keeps no state: that none is sent
 * at all is set for the whole process (shared/tls).
 */
export const contextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
    '@SECLEVEL=2',
  ].join(':'),
  sigalgs: [
    'ecdsa_secp256r1_sha256',
    'ecdsa_secp384r1_sha384',
    'ed25519',
    'rsa_pss_rsae_sha256',
    'rsa_pss_rsae_sha384',
    'rsa_pss_rsae_sha512',
    'rsa_pss_pss_sha256',
    'rsa_pkcs1_sha256',
    'rsa_pkcs1_sha384',
    'rsa_pkcs1_sha512',
  ].join(':'),
  ecdhCurve: 'X25519MLKEM768:X25519:prime256v1',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  honorCipherOrder: true,
  sessionIdContext: 'sallyport-edge',
} as const satisfies SecureContextOptions;

export const handshakeTimeoutMs = 10_000;
