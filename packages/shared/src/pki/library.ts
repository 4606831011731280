/**
 * The one file that knows @peculiar/x509, and only to write certificates and requests: what comes
 * from outside is read by certificate.ts and csr.ts. Loaded by processes that issue or request.
 */
import 'reflect-metadata';
import { type KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { SallyportError } from '../errors.ts';

export interface CertificateContent {
  readonly serialNumber: string;
  readonly subjectCommonName: string;
  /** Encoded; absent: the subject itself. */
  readonly issuerDer?: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKeyDer: Uint8Array;
  readonly ca: boolean;
  readonly purposes: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly subjectKeyId: string;
  readonly authorityKeyId: string;
}

/** Signs a certificate with the key of its issuer; DER. */
export async function writeCertificate(
  content: CertificateContent,
  issuerKey: KeyObject,
): Promise<Uint8Array> {
  const subject = new x509.Name(commonName(content.subjectCommonName));
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: content.serialNumber,
      subject,
      issuer: content.issuerDer === undefined ? subject : new x509.Name(copy(content.issuerDer)),
      notBefore: content.notBefore,
      notAfter: content.notAfter,
      publicKey: copy(content.publicKeyDer),
      ...signingWith(issuerKey),
      extensions: extensionsOf(content),
    },
    webcrypto,
  );
  return new Uint8Array(certificate.rawData);
}

/** Signs a certificate request (PKCS#10) with its own key; DER. */
export async function writeRequest(
  name: string,
  dnsNames: readonly string[],
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
): Promise<Uint8Array> {
  const { signingAlgorithm, signingKey } = signingWith(keys.privateKey);
  const publicKey = keys.publicKey.toCryptoKey(ecdsa(keys.publicKey), true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: new x509.Name(commonName(name)),
      keys: { publicKey, privateKey: signingKey },
      signingAlgorithm,
      extensions: dnsNames.length === 0 ? [] : [alternativeNames({ dnsNames })],
    },
    webcrypto,
  );
  return new Uint8Array(request.rawData);
}

function extensionsOf(content: CertificateContent): x509.Extension[] {
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  const named = content.dnsNames.length + content.ipAddresses.length + content.uris.length > 0;
  return [
    new x509.BasicConstraintsExtension(content.ca, content.ca ? 0 : undefined, true),
    new x509.KeyUsagesExtension(content.ca ? keyCertSign | cRLSign : digitalSignature, true),
    ...(content.ca ? [] : [new x509.ExtendedKeyUsageExtension([...content.purposes], true)]),
    ...(named ? [alternativeNames(content)] : []),
    new x509.SubjectKeyIdentifierExtension(content.subjectKeyId),
    new x509.AuthorityKeyIdentifierExtension(content.authorityKeyId),
  ];
}

function alternativeNames(
  names: Partial<Pick<CertificateContent, 'dnsNames' | 'ipAddresses' | 'uris'>>,
): x509.Extension {
  return new x509.SubjectAlternativeNameExtension([
    ...(names.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(names.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(names.uris ?? []).map((value) => ({ type: 'url' as const, value })),
  ]);
}

/** As an object and not as text: in the text form quotes, commas and backslashes have meaning. */
function commonName(value: string): [{ CN: [{ utf8String: string }] }] {
  return [{ CN: [{ utf8String: value }] }];
}

function signingWith(key: KeyObject) {
  const algorithm = ecdsa(key);
  const hash = algorithm.namedCurve === 'P-384' ? 'SHA-384' : 'SHA-256';
  return {
    signingAlgorithm: { name: 'ECDSA', hash },
    signingKey: key.toCryptoKey(algorithm, false, ['sign']),
  };
}

function ecdsa(key: KeyObject): { name: 'ECDSA'; namedCurve: 'P-256' | 'P-384' } {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1') return { name: 'ECDSA', namedCurve: 'P-256' };
  if (curve === 'secp384r1') return { name: 'ECDSA', namedCurve: 'P-384' };
  throw new SallyportError('invalid_request', 'Issuing keys must be ECDSA on P-256 or P-384');
}

/** The library wants bytes in a buffer of their own. */
function copy(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
