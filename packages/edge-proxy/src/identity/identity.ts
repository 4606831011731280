import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { Credentials } from '@sallyport/proto';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { createCsr } from '@sallyport/shared/pki/csr';
import { edgeIdOf } from '@sallyport/shared/pki/spiffe';

/** A certificate with its private key, both PEM. */
export interface KeyedCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** A key that assertions are signed with: ES256. */
export interface AssertionKeyPair {
  readonly kid: string;
  readonly privateKeyPem: string;
  /** Public JWK as JSON text. */
  readonly publicJwk: string;
}

/** Everything that makes this edge this edge. Written to disk as one, so that it never disagrees. */
export interface EdgeIdentity {
  readonly edgeId: string;
  readonly trustDomain: string;
  /** As it joined with them, and as the control plane knows them: they say in which ring it is. */
  readonly labels: Readonly<Record<string, string>>;
  /** Raw Ed25519, 32 bytes; pinned when the edge joined. */
  readonly rootPublicKey: Uint8Array;
  /** Authority of the control plane's own server certificate. */
  readonly controlPlaneCaPem: string;
  /** Towards the control plane. */
  readonly control: KeyedCertificate;
  /** Towards upstreams. */
  readonly upstream: KeyedCertificate;
  /** One, or two around a renewal; the newest last. */
  readonly assertionKeys: readonly AssertionKeyPair[];
  /** Rises with each renewal. */
  readonly serial: number;
}

/** Keys made for a join or a renewal, before there are certificates for them. */
export interface NewKeys {
  readonly control: { readonly csrDer: Uint8Array; readonly privateKeyPem: string };
  readonly upstream: { readonly csrDer: Uint8Array; readonly privateKeyPem: string };
  readonly assertion: AssertionKeyPair;
}

/** New private keys and the requests for their certificates; the names are given by the other side. */
export async function createKeys(commonName: string): Promise<NewKeys> {
  return {
    control: await createCsr({ commonName }),
    upstream: await createCsr({ commonName }),
    assertion: await createAssertionKey(),
  };
}

async function createAssertionKey(): Promise<AssertionKeyPair> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' });
  // At a join and a renewal alone.
  const { calculateJwkThumbprint } = await import('jose');
  const kid = await calculateJwkThumbprint(jwk);
  return {
    kid,
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicJwk: JSON.stringify({ ...jwk, kid }),
  };
}

/** What the control plane sent cannot be this edge's credentials. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/** Puts issued certificates to their keys. Throws CredentialsError if they do not belong together. */
export function joinCredentials(
  credentials: Credentials | undefined,
  keys: NewKeys,
  edge: { readonly edgeId: string; readonly trustDomain: string },
): { readonly control: KeyedCertificate; readonly upstream: KeyedCertificate } {
  if (credentials === undefined) throw new CredentialsError('the answer has no certificates');
  const control = keyed(credentials.identityCertificatePem, keys.control.privateKeyPem);
  const upstream = keyed(credentials.upstreamCertificatePem, keys.upstream.privateKeyPem);
  const info = inspectCertificate(control.certificatePem);
  if (info === null || edgeIdOf(info, edge.trustDomain) !== edge.edgeId) {
    throw new CredentialsError(`the certificate does not name the edge ${edge.edgeId}`);
  }
  return { control, upstream };
}

function keyed(certificatePem: string, privateKeyPem: string): KeyedCertificate {
  let matches = false;
  try {
    const certificate = new X509Certificate(certificatePem);
    matches = certificate.checkPrivateKey(createPrivateKey(privateKeyPem));
  } catch (cause) {
    throw new CredentialsError('the answer holds a certificate that cannot be read', { cause });
  }
  if (!matches) throw new CredentialsError('a certificate is not for the key that was requested');
  return { certificatePem, privateKeyPem };
}

/** When the identity is to be renewed: at two thirds of the shorter life of its certificates. */
export function renewalDueAtMs(identity: EdgeIdentity): number {
  const due = [identity.control, identity.upstream].map(({ certificatePem }) => {
    const { notBeforeMs, notAfterMs } = lifetime(certificatePem);
    return notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3;
  });
  return Math.min(...due);
}

/** Whether the certificate towards the control plane is past its end. */
export function isExpired(identity: EdgeIdentity, nowMs: number): boolean {
  return lifetime(identity.control.certificatePem).notAfterMs <= nowMs;
}

function lifetime(certificatePem: string): { notBeforeMs: number; notAfterMs: number } {
  const info = inspectCertificate(certificatePem);
  if (info === null) throw new CredentialsError('a certificate of this edge cannot be read');
  return info;
}
