import { createHash } from 'node:crypto';
import { publicKeyProblem, signatureProblem } from './algorithms.ts';
import {
  childrenOf,
  contextTag,
  DerError,
  type DerNode,
  readDer,
  sequenceOf,
  timeOf,
  unsignedOf,
} from './der.ts';
import { type Extensions, readExtensions } from './extensions.ts';
import { certificateDer } from './pem.ts';

/** What we know of a certificate, all of it read from its bytes. Nothing here says it is trusted. */
export interface CertificateInfo extends Extensions {
  readonly der: Uint8Array;
  /** Of the DER, lower-case hex: the name by which certificates are enrolled and revoked. */
  readonly sha256: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
  /** Encoded names; equal names have equal bytes. */
  readonly issuerDer: Uint8Array;
  readonly subjectDer: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeyDer: Uint8Array;
  /** What is wrong with the strength of key or signature, or null. */
  readonly weakness: string | null;
}

const certificateBytesMax = 16_384;
const explicitVersion = contextTag(0, true);
const explicitExtensions = contextTag(3, true);

/** Reads one certificate, PEM or DER; null for anything else. Never throws. */
export function inspectCertificate(pemOrDer: string | Uint8Array): CertificateInfo | null {
  const der = certificateDer(pemOrDer);
  if (der === null || der.length > certificateBytesMax) return null;
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

/** A key for maps of encoded names. */
export function keyOfName(der: Uint8Array): string {
  return Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
}

/** RFC 5280, 4.1. Throws DerError. */
function readCertificate(der: Uint8Array): CertificateInfo {
  const [toBeSigned, signatureAlgorithm, signature, ...more] = sequenceOf(readDer(der));
  if (signatureAlgorithm === undefined || signature === undefined || more.length > 0) {
    throw new DerError('not a certificate');
  }
  const parts = sequenceOf(toBeSigned);
  const version = parts[0]?.tag === explicitVersion ? versionOf(parts.shift()) : 1;
  const [serial, innerAlgorithm, issuer, validity, subject, publicKey, extensions, ...rest] = parts;
  const [notBefore, notAfter] = sequenceOf(validity);
  // Unique identifiers ([1], [2]) are obsolete; with them `extensions` has another tag.
  if (rest.length > 0 || (extensions !== undefined && extensions.tag !== explicitExtensions)) {
    throw new DerError('parts that no certificate of today has');
  }
  if (extensions !== undefined && version !== 3) throw new DerError('extensions before version 3');
  if (!sameBytes(innerAlgorithm, signatureAlgorithm))
    throw new DerError('two signature algorithms');
  sequenceOf(issuer);
  sequenceOf(subject);
  const [extensionList] = extensions === undefined ? [] : childrenOf(extensions);
  return {
    ...readExtensions(extensionList),
    der,
    sha256: createHash('sha256').update(der).digest('hex'),
    serialNumber: hex(serial?.content),
    issuerDer: issuer?.whole ?? new Uint8Array(),
    subjectDer: subject?.whole ?? new Uint8Array(),
    notBeforeMs: timeOf(notBefore),
    notAfterMs: timeOf(notAfter),
    publicKeyDer: publicKey?.whole ?? new Uint8Array(),
    weakness:
      publicKeyProblem(publicKey?.whole ?? new Uint8Array()) ??
      signatureProblem(signatureAlgorithm.whole),
  };
}

function versionOf(node: DerNode | undefined): number {
  const [inner, ...more] = node === undefined ? [] : childrenOf(node);
  const [value] = unsignedOf(inner);
  if (more.length > 0 || value !== 2) throw new DerError('not a version 3 certificate');
  return 3;
}

function sameBytes(a: DerNode | undefined, b: DerNode | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a.whole, b.whole) === 0;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
