import type { CertificateProblem } from '@sallyport/policy';
import { Lru } from '@sallyport/shared/lru';
import type { DeviceAuthorities } from '@sallyport/shared/pki/device-authorities';
import { verifyDeviceCertificate } from '@sallyport/shared/pki/device-certificate';
import { deviceIdOf } from '@sallyport/shared/pki/spiffe';
import type { PeerCertificate } from '../exchange.ts';

export interface CertificateCheck {
  readonly problem: CertificateProblem | null;
  /** When certificate or authority expires; 0 where there is a problem. */
  readonly validUntilMs: number;
  /** The device that the certificate names, if our own authority issued it. */
  readonly namedDeviceId: string | null;
}

interface Kept extends CertificateCheck {
  readonly authorities: DeviceAuthorities;
  readonly checkedAtMs: number;
}

const keptMax = 20_000;
/** A problem may pass with time; until then a bad certificate does not cost a signature check. */
const problemKeptMs = 1_000;
/** The trust bundle of the authority that the control plane itself issues by. */
const ownBundle = 'sallyport-devices';

/** Checks of device certificates, kept by certificate and authorities. Time is looked at anew. */
export class CertificateChecks {
  readonly #kept = new Lru<string, Kept>({ sizeMax: keptMax });
  readonly #trustDomain: string;

  constructor(trustDomain: string) {
    this.#trustDomain = trustDomain;
  }

  check(peer: PeerCertificate, authorities: DeviceAuthorities, nowMs: number): CertificateCheck {
    const kept = this.#kept.get(peer.sha256);
    if (kept !== undefined && kept.authorities === authorities && holds(kept, peer, nowMs)) {
      return kept;
    }
    const checked = this.#verify(peer, authorities, nowMs);
    this.#kept.set(peer.sha256, checked);
    return checked;
  }

  #verify(peer: PeerCertificate, authorities: DeviceAuthorities, nowMs: number): Kept {
    const result = verifyDeviceCertificate(peer.certificate, authorities, nowMs);
    const base = { authorities, checkedAtMs: nowMs };
    if (!result.ok) {
      return { ...base, problem: result.problem, validUntilMs: 0, namedDeviceId: null };
    }
    const own = result.bundle === ownBundle;
    return {
      ...base,
      problem: null,
      validUntilMs: result.validUntilMs,
      // Another authority could write our URI into its certificates: only our own is believed.
      namedDeviceId: own ? deviceIdOf(result.certificate, this.#trustDomain) : null,
    };
  }
}

function holds(kept: Kept, peer: PeerCertificate, nowMs: number): boolean {
  if (kept.problem !== null) return Math.abs(nowMs - kept.checkedAtMs) < problemKeptMs;
  return nowMs >= peer.notBeforeMs && nowMs <= kept.validUntilMs;
}
