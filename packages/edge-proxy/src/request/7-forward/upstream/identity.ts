import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { isServerOf } from '@sallyport/shared/pki/spiffe-server';
import type { TargetConfig } from '../../../state/current.ts';

export const identityRefused = 'ERR_SALLYPORT_SPIFFE_ID';

/** The certificate holds, and is not that of the SPIFFE ID that the route names. */
class IdentityRefusedError extends Error {
  override readonly name = 'IdentityRefusedError';
  readonly code = identityRefused;
}

/** Whether a certificate whose chain was verified is that of the target; for the TLS handshake. */
export function checkTarget(
  { spiffeId, serverName, hostname }: TargetConfig,
  certificate: PeerCertificate,
): Error | undefined {
  if (spiffeId === null) return checkServerIdentity(serverName || hostname, certificate);
  if (isServerOf(certificate.raw, spiffeId)) return undefined;
  return new IdentityRefusedError(`the certificate is not that of ${spiffeId}`);
}
