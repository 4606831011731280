import {
  type DeviceAuthorities,
  deviceAuthorities,
} from '@sallyport/shared/pki/device-authorities';
import { verifyDeviceCertificate } from '@sallyport/shared/pki/device-certificate';
import { edgeIdOf } from '@sallyport/shared/pki/spiffe';

/** An edge as its certificate names it. */
export interface EdgePeer {
  readonly edgeId: string;
  readonly certificateNotAfterMs: number;
}

/** Whose certificates are edges' certificates. */
export interface EdgeTrust {
  readonly authorities: DeviceAuthorities;
  readonly trustDomain: string;
}

/** `certificatesPem`: the authorities that issue edge identities, used for nothing else. */
export function edgeTrust(certificatesPem: readonly string[], trustDomain: string): EdgeTrust {
  const bundles = certificatesPem.map((certificates) => ({ name: 'edge', certificates }));
  return { authorities: deviceAuthorities(bundles), trustDomain };
}

/**
 * The edge that a client certificate (DER) stands for, or null: from our edge authority, made for
 * clients, valid now, and with exactly one URI, that of an edge of this trust domain. What the
 * handshake said of it is not asked: that was at another time (and knows no purpose).
 */
export function readEdgePeer(der: Uint8Array, trust: EdgeTrust, nowMs: number): EdgePeer | null {
  // The rules for a client certificate are the same for devices and edges.
  const result = verifyDeviceCertificate(der, trust.authorities, nowMs);
  if (!result.ok) return null;
  const edgeId = edgeIdOf(result.certificate, trust.trustDomain);
  return edgeId === null ? null : { edgeId, certificateNotAfterMs: result.validUntilMs };
}
