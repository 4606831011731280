import { createPublicKey, type KeyObject } from 'node:crypto';
import { type CertificateInfo, inspectCertificate, keyOfName } from './certificate.ts';
import { anyPurpose, clientAuth } from './extensions.ts';
import { readPem } from './pem.ts';

/** An authority that may issue device certificates. */
export interface DeviceAuthority {
  /** Name of the trust bundle. */
  readonly bundle: string;
  readonly info: CertificateInfo;
  readonly publicKey: KeyObject;
}

/** All of them, by encoded subject. Made once per configuration version. */
export interface DeviceAuthorities {
  readonly bySubject: ReadonlyMap<string, readonly DeviceAuthority[]>;
  /** DER, for the list of accepted authorities in the TLS handshake. */
  readonly certificates: readonly Uint8Array[];
}

export interface NamedBundle {
  readonly name: string;
  /** PEM. */
  readonly certificates: string;
}

/** The certificates of a PEM bundle, or a sentence that says why it is none. */
export function readBundle(pem: string): CertificateInfo[] | string {
  const blocks = readPem(pem);
  if (blocks === null) return 'is not PEM';
  if (blocks.length === 0) return 'holds no certificate';
  if (blocks.some(({ label }) => label.includes('PRIVATE KEY'))) return 'holds a private key';
  if (blocks.some(({ label }) => label !== 'CERTIFICATE')) return 'holds more than certificates';
  const certificates = blocks.map(({ der }) => inspectCertificate(der));
  const read = certificates.filter((certificate) => certificate !== null);
  if (read.length === certificates.length) return read;
  return `holds something that is not a certificate, as number ${certificates.indexOf(null) + 1}`;
}

/** Why a certificate cannot be an authority for devices, as a sentence, or null. */
export function authorityProblem(info: CertificateInfo): string | null {
  if (!info.isCa) return 'is not the certificate of an authority';
  if (info.keyUsage?.keyCertSign === false) return 'may not sign certificates';
  if (info.weakness !== null) return `is too weak: ${info.weakness}`;
  const purposes = info.extendedKeyUsage;
  if (purposes !== null && !purposes.includes(clientAuth) && !purposes.includes(anyPurpose)) {
    return 'may not issue certificates for client authentication';
  }
  const [unknown] = info.unknownCritical;
  return unknown === undefined ? null : `demands an extension that is not supported (${unknown})`;
}

/**
 * Prepares the authorities of all bundles for devices. What cannot be one is left out, so that it
 * vouches for nothing; `checkSet` names it before it can get this far.
 */
export function deviceAuthorities(bundles: readonly NamedBundle[]): DeviceAuthorities {
  const bySubject = new Map<string, DeviceAuthority[]>();
  const certificates: Uint8Array[] = [];
  for (const bundle of bundles) {
    const read = readBundle(bundle.certificates);
    for (const info of typeof read === 'string' ? [] : read) {
      const publicKey = authorityProblem(info) === null ? publicKeyOf(info) : null;
      if (publicKey === null) continue;
      const key = keyOfName(info.subjectDer);
      const authority = { bundle: bundle.name, info, publicKey };
      bySubject.set(key, [...(bySubject.get(key) ?? []), authority]);
      certificates.push(info.der);
    }
  }
  return { bySubject, certificates };
}

function publicKeyOf({ publicKeyDer }: CertificateInfo): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.from(publicKeyDer), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
}
