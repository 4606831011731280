import { X509Certificate } from 'node:crypto';
import type { CertificateProblem } from '@sallyport/policy';
import { type CertificateInfo, inspectCertificate, keyOfName } from './certificate.ts';
import type { DeviceAuthorities, DeviceAuthority } from './device-authorities.ts';

export type DeviceCertificateResult =
  | {
      readonly ok: true;
      readonly certificate: CertificateInfo;
      /** Name of the trust bundle its authority is in. */
      readonly bundle: string;
      /** When it or its authority expires, whichever is first. */
      readonly validUntilMs: number;
    }
  | { readonly ok: false; readonly problem: CertificateProblem };

/** An authority's name is shared by few; a hostile bundle does not get to make this expensive. */
const issuersTriedMax = 8;

/**
 * Whether a certificate may stand for a device: issued directly by an authority of the bundles,
 * made for client authentication and for nothing that issues, strong, and valid at `nowMs`.
 * Synchronous; never throws, whatever the bytes. Validity must be looked at again on each request.
 */
export function verifyDeviceCertificate(
  certificate: X509Certificate | Uint8Array,
  authorities: DeviceAuthorities,
  nowMs: number,
): DeviceCertificateResult {
  const parsed = parse(certificate);
  if (parsed === null) return { ok: false, problem: 'unsuitable' };
  const { info, x509 } = parsed;
  const named = authorities.bySubject.get(keyOfName(info.issuerDer)) ?? [];
  if (named.length === 0) return { ok: false, problem: 'untrusted' };
  if (info.weakness !== null) return { ok: false, problem: 'unsuitable' };
  const issuer = named
    .slice(0, issuersTriedMax)
    .find((candidate) => isValidAt(candidate.info, nowMs) && hasSigned(candidate, x509));
  if (issuer === undefined) return { ok: false, problem: 'untrusted' };
  if (unsuitability(info) !== null) return { ok: false, problem: 'unsuitable' };
  if (nowMs < info.notBeforeMs) return { ok: false, problem: 'not_yet_valid' };
  if (nowMs > info.notAfterMs) return { ok: false, problem: 'expired' };
  return {
    ok: true,
    certificate: info,
    bundle: issuer.bundle,
    validUntilMs: Math.min(info.notAfterMs, issuer.info.notAfterMs),
  };
}

/** `ok`, or the problem of `verifyDeviceCertificate`. */
export function checkDeviceCertificate(
  certificate: X509Certificate | Uint8Array,
  authorities: DeviceAuthorities,
  nowMs: number,
): 'ok' | CertificateProblem {
  const result = verifyDeviceCertificate(certificate, authorities, nowMs);
  return result.ok ? 'ok' : result.problem;
}

/** What makes a certificate unfit for a device wherever it comes from, as a sentence, or null. */
export function unsuitability(info: CertificateInfo): string | null {
  if (info.weakness !== null) return info.weakness;
  if (info.isCa) return 'it is the certificate of an authority';
  if (!info.hasClientAuth) return 'it is not made for client authentication';
  if (info.keyUsage?.digitalSignature !== true) return 'its key usage lacks digitalSignature';
  if (info.oddNames) return 'it holds a name with characters that cannot be in a name';
  if (info.unknownCritical.length > 0) return `it demands the unknown ${info.unknownCritical[0]}`;
  return null;
}

export type EnrolmentResult =
  | { readonly ok: true; readonly certificate: CertificateInfo }
  | { readonly ok: false; readonly problem: string };

/** Whether a certificate, PEM or DER, may be enrolled for a device. Never throws. */
export function checkEnrolment(pemOrDer: string | Uint8Array, nowMs: number): EnrolmentResult {
  const certificate = inspectCertificate(pemOrDer);
  if (certificate === null) return { ok: false, problem: 'This is not one X.509 certificate' };
  const problem =
    unsuitability(certificate) ?? (nowMs > certificate.notAfterMs ? 'it has expired' : null);
  if (problem !== null) {
    return { ok: false, problem: `The certificate cannot be enrolled: ${problem}` };
  }
  return { ok: true, certificate };
}

function parse(
  certificate: X509Certificate | Uint8Array,
): { info: CertificateInfo; x509: X509Certificate } | null {
  const der = certificate instanceof X509Certificate ? certificate.raw : certificate;
  const info = inspectCertificate(der);
  if (info === null) return null;
  try {
    return {
      info,
      x509: certificate instanceof X509Certificate ? certificate : new X509Certificate(der),
    };
  } catch {
    return null;
  }
}

function isValidAt({ notBeforeMs, notAfterMs }: CertificateInfo, nowMs: number): boolean {
  return notBeforeMs <= nowMs && nowMs <= notAfterMs;
}

function hasSigned(authority: DeviceAuthority, certificate: X509Certificate): boolean {
  try {
    return certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}
