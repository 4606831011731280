import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { publicKeyProblem, signatureHash } from './algorithms.ts';
import {
  bitsOf,
  childrenOf,
  DerError,
  type DerNode,
  oidOf,
  readDer,
  sequenceOf,
  tags,
  unsignedOf,
} from './der.ts';
import { readPem } from './pem.ts';

export interface CertificateRequest {
  /** PKCS#10, DER. */
  readonly csrDer: Uint8Array;
  readonly privateKeyPem: string;
}

export type ReadCsrResult =
  | {
      readonly ok: true;
      /** SubjectPublicKeyInfo, DER. */
      readonly publicKey: Uint8Array;
      /** What the requester calls itself; empty where it does not. Not to be believed. */
      readonly commonName: string;
    }
  | { readonly ok: false; readonly problem: string };

const csrBytesMax = 16_384;
const commonNameOid = '2.5.4.3';

/** A new ECDSA P-256 key and a request signed with it. */
export async function createCsr(options: {
  readonly commonName: string;
  readonly dns?: readonly string[];
}): Promise<CertificateRequest> {
  // Large, and of no use between joining and renewal.
  const { writeRequest } = await import('./library.ts');
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    csrDer: await writeRequest(options.commonName, options.dns ?? [], keys),
    privateKeyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/** DER of the one request in a PEM text, or null. */
export function csrFromPem(text: string): Uint8Array | null {
  const blocks = readPem(text);
  const [only] = blocks ?? [];
  const known = only?.label === 'CERTIFICATE REQUEST' || only?.label === 'NEW CERTIFICATE REQUEST';
  return blocks?.length === 1 && known ? only.der : null;
}

/**
 * Reads a certificate request (RFC 2986), checks that its sender holds the key and that the key is
 * strong enough. Never throws; the problem is a sentence for the sender.
 */
export async function readCsr(der: Uint8Array): Promise<ReadCsrResult> {
  if (der.length > csrBytesMax) return { ok: false, problem: 'The request is too large' };
  try {
    return read(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { ok: false, problem: 'The request is not a PKCS#10 certificate request' };
  }
}

function read(der: Uint8Array): ReadCsrResult {
  const [info, algorithm, signature, ...more] = sequenceOf(readDer(der));
  const [version, subject, publicKey] = sequenceOf(info);
  if (info === undefined || algorithm === undefined || publicKey === undefined || more.length > 0) {
    throw new DerError('not a certificate request');
  }
  if (unsignedOf(version).length !== 0) throw new DerError('not a version 1 request');
  const weakness = publicKeyProblem(publicKey.whole);
  if (weakness !== null) return { ok: false, problem: `The key is not accepted: ${weakness}` };
  const commonName = commonNameOf(subject);
  if (commonName === null) return { ok: false, problem: 'The subject has an odd common name' };
  const hash = signatureHash(algorithm.whole);
  if (hash === undefined) {
    return { ok: false, problem: 'The signature must use SHA-256 or better, or Ed25519' };
  }
  if (!signatureHolds(publicKey.whole, info.whole, hash, bitsOf(signature).bytes)) {
    return { ok: false, problem: 'The signature of the request does not verify' };
  }
  return { ok: true, publicKey: new Uint8Array(publicKey.whole), commonName };
}

function signatureHolds(
  spki: Uint8Array,
  signed: Uint8Array,
  hash: string | null,
  signature: Uint8Array,
): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return verify(hash, signed, key, signature);
  } catch {
    // OpenSSL refuses the key itself, for instance a point that is not on its curve.
    return false;
  }
}

/** The first common name; empty where there is none, null where it is not plain text. */
function commonNameOf(subject: DerNode | undefined): string | null {
  for (const set of sequenceOf(subject)) {
    for (const attribute of childrenOf(set)) {
      const [oid, value] = sequenceOf(attribute);
      if (oidOf(oid) !== commonNameOid || value === undefined) continue;
      if (value.tag !== tags.utf8String && value.tag !== 0x13) return null;
      const text = Buffer.from(value.content).toString('utf8');
      return text.length <= 256 && !/[\p{C}\ufffd]/u.test(text) ? text : null;
    }
  }
  return '';
}
