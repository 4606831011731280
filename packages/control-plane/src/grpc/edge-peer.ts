import { createHash } from 'node:crypto';
import { Lru } from '@sallyport/shared/lru';
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

/** Who is connected, and some more: a certificate that is pushed out is verified once more. */
const peersMax = 8_192;

interface VerifiedPeer {
  readonly peer: EdgePeer;
  readonly verifiedAtMs: number;
}

/**
 * Says whose certificate a connection has: as `readEdgePeer`, which is asked once for the same bytes
 * while they are valid. What was not valid, or was seen later than now by the clock, is always
 * looked at anew.
 */
export class EdgePeers {
  readonly #trust: EdgeTrust;
  /** By SHA-256 of the DER. */
  readonly #verified = new Lru<string, VerifiedPeer>({ sizeMax: peersMax });
  #verifications = 0;

  constructor(trust: EdgeTrust) {
    this.#trust = trust;
  }

  read(der: Uint8Array, nowMs: number): EdgePeer | null {
    const key = createHash('sha256').update(der).digest('hex');
    const known = this.#verified.get(key);
    if (known !== undefined && isStillValid(known, nowMs)) return known.peer;
    this.#verifications += 1;
    const peer = readEdgePeer(der, this.#trust, nowMs);
    if (peer === null) this.#verified.delete(key);
    else this.#verified.set(key, { peer, verifiedAtMs: nowMs });
    return peer;
  }

  /** How often a certificate was verified. */
  get verifications(): number {
    return this.#verifications;
  }
}

function isStillValid({ peer, verifiedAtMs }: VerifiedPeer, nowMs: number): boolean {
  return nowMs >= verifiedAtMs && nowMs <= peer.certificateNotAfterMs;
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
function readEdgePeer(der: Uint8Array, trust: EdgeTrust, nowMs: number): EdgePeer | null {
  // The rules for a client certificate are the same for devices and edges.
  const result = verifyDeviceCertificate(der, trust.authorities, nowMs);
  if (!result.ok) return null;
  const edgeId = edgeIdOf(result.certificate, trust.trustDomain);
  return edgeId === null ? null : { edgeId, certificateNotAfterMs: result.validUntilMs };
}
