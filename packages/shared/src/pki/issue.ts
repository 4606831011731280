import { createHash, createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { SallyportError } from '../errors.ts';
import { publicKeyProblem } from './algorithms.ts';
import { inspectCertificate } from './certificate.ts';
import { readCsr } from './csr.ts';
import { bitsOf, DerError, readDer, sequenceOf } from './der.ts';
import { clientAuth, serverAuth } from './extensions.ts';
import { writeCertificate } from './library.ts';
import { isPlainDnsName, isPlainUri } from './names.ts';
import { writePem } from './pem.ts';

/** A certificate authority with its key. */
export interface Authority {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly certificateDer: Uint8Array;
}

/** From `notBefore` (default: a minute ago) to `notAfter`, or for `days`. */
export interface Lifetime {
  readonly days?: number;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface CertificateOrder extends Lifetime {
  readonly commonName: string;
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  readonly uris?: readonly string[];
  readonly usage: 'server' | 'client' | 'both';
}

const dayMs = 86_400_000;
/** Clocks differ; a certificate is used at once by somebody whose clock is behind. */
const skewMs = 60_000;

const purposes = {
  server: [serverAuth],
  client: [clientAuth],
  both: [serverAuth, clientAuth],
} as const;

/** A new authority: ECDSA P-256, self-signed, may issue end certificates only. */
export async function createAuthority(
  options: { readonly name: string } & Lifetime,
): Promise<Authority> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyDer = keys.publicKey.export({ type: 'spki', format: 'der' });
  const subjectKeyId = keyId(publicKeyDer);
  const der = await writeCertificate(
    {
      serialNumber: newSerialNumber(),
      subjectCommonName: options.name,
      ...validity(options),
      publicKeyDer,
      ca: true,
      purposes: [],
      dnsNames: [],
      ipAddresses: [],
      uris: [],
      subjectKeyId,
      authorityKeyId: subjectKeyId,
    },
    keys.privateKey,
  );
  return {
    certificatePem: writePem('CERTIFICATE', der),
    privateKeyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/**
 * Issues an end certificate for a key that is given as SubjectPublicKeyInfo or in a request. Of a
 * request nothing but the key is used. It never outlives its authority.
 * Throws SallyportError `invalid_request` for a weak key, a bad request or an odd name.
 */
export async function issueCertificate(
  authority: Authority,
  order: CertificateOrder & ({ readonly publicKey: Uint8Array } | { readonly csrDer: Uint8Array }),
): Promise<IssuedCertificate> {
  const issuer = inspectCertificate(authority.certificatePem);
  if (issuer === null || !issuer.isCa) throw new TypeError('not the certificate of an authority');
  refuseOddNames(order);
  const publicKeyDer = await keyOf(order);
  const { notBefore, notAfter } = validity(order);
  const certificateDer = await writeCertificate(
    {
      serialNumber: newSerialNumber(),
      subjectCommonName: order.commonName,
      issuerDer: issuer.subjectDer,
      notBefore,
      notAfter: new Date(Math.min(notAfter.getTime(), issuer.notAfterMs)),
      publicKeyDer,
      ca: false,
      purposes: purposes[order.usage],
      dnsNames: order.dns ?? [],
      ipAddresses: order.ips ?? [],
      uris: order.uris ?? [],
      subjectKeyId: keyId(publicKeyDer),
      authorityKeyId: issuer.subjectKeyId,
    },
    createPrivateKey(authority.privateKeyPem),
  );
  return { certificatePem: writePem('CERTIFICATE', certificateDer), certificateDer };
}

/** Issues a certificate for a new ECDSA P-256 key and returns both. */
export async function issueWithNewKey(
  authority: Authority,
  order: CertificateOrder,
): Promise<IssuedCertificate & { readonly privateKeyPem: string }> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = keys.publicKey.export({ type: 'spki', format: 'der' });
  return {
    ...(await issueCertificate(authority, { ...order, publicKey })),
    privateKeyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

async function keyOf(
  order: { readonly publicKey: Uint8Array } | { readonly csrDer: Uint8Array },
): Promise<Uint8Array> {
  if ('csrDer' in order) {
    const request = await readCsr(order.csrDer);
    if (!request.ok) throw new SallyportError('invalid_request', request.problem);
    return request.publicKey;
  }
  const problem = keyProblem(order.publicKey);
  if (problem === null) return order.publicKey;
  throw new SallyportError('invalid_request', `The key is not accepted: ${problem}`);
}

function keyProblem(spki: Uint8Array): string | null {
  try {
    return publicKeyProblem(spki);
  } catch (error) {
    if (error instanceof DerError) return 'it is not a SubjectPublicKeyInfo';
    throw error;
  }
}

function refuseOddNames({ commonName, dns = [], ips = [], uris = [] }: CertificateOrder): void {
  const bad =
    dns.find((name) => !isPlainDnsName(name)) ??
    ips.find((address) => isIP(address) === 0) ??
    uris.find((uri) => !isPlainUri(uri)) ??
    (commonName.length > 64 || /\p{C}/u.test(commonName) ? commonName : undefined);
  if (bad === undefined) return;
  throw new SallyportError('invalid_request', `${JSON.stringify(bad)} cannot be in a certificate`);
}

function validity({ days, notBefore, notAfter }: Lifetime): { notBefore: Date; notAfter: Date } {
  const start = notBefore ?? new Date(Date.now() - skewMs);
  const end = notAfter ?? (days === undefined ? null : new Date(start.getTime() + days * dayMs));
  if (end === null) throw new TypeError('a certificate needs `days` or `notAfter`');
  return { notBefore: wholeSecond(start), notAfter: wholeSecond(end) };
}

/** Certificates know no fractions of a second. */
function wholeSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

/** 16 bytes at random; the first bits are fixed so that it is positive and never shorter. */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** RFC 7093, method 1: the leftmost 160 bits of the SHA-256 of the key. */
function keyId(spki: Uint8Array): string {
  const { bytes } = bitsOf(sequenceOf(readDer(spki))[1]);
  return createHash('sha256').update(bytes).digest('hex').slice(0, 40);
}
