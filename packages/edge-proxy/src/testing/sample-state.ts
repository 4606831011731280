import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { encodeBundle } from '@sallyport/shared/configuration/bundle';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { rotateCookieRing } from '@sallyport/shared/keys/cookie-ring';
import { sessionStatementPurpose, signKey } from '@sallyport/shared/keys/root';
import type { PutBundle, SecretRef, SigningKey, User } from '@sallyport/shared/state/model';
import type { WorkerCredentials } from '../worker/messages.ts';

/** State for tests: small, whole, and valid unless it is meant not to be. */

export interface RootKey {
  readonly privateKey: KeyObject;
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
}

export function createRootKey(): RootKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: rawPublicKey(publicKey) };
}

export function sampleSigningKey(root: RootKey, keyId = 'statement-1'): SigningKey {
  const { publicKey } = generateKeyPairSync('ed25519');
  return signKey(
    {
      keyId,
      purpose: sessionStatementPurpose,
      publicKey: rawPublicKey(publicKey),
      notBeforeMs: 0,
      notAfterMs: 4_102_444_800_000,
    },
    root.privateKey,
  );
}

/** One application, `wiki.corp.test`, for the group `employees`. */
export function sampleDocuments(group = 'employees'): ConfigurationDocument[] {
  const apiVersion = 'sallyport.dev/v1';
  return [
    {
      apiVersion,
      kind: 'Settings',
      metadata: { name: 'default' },
      spec: { signIn: { host: 'signin.corp.test', identityProvider: 'corp' } },
    },
    {
      apiVersion,
      kind: 'IdentityProvider',
      metadata: { name: 'corp' },
      spec: { issuer: 'https://idp.corp.test', clientId: 'sallyport', clientSecret: 'corp-secret' },
    },
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'staff' },
      spec: { allow: [{ name: 'members', groups: [group] }] },
    },
    {
      apiVersion,
      kind: 'Route',
      metadata: { name: 'wiki' },
      spec: {
        match: [{ host: 'wiki.corp.test' }],
        policies: ['staff'],
        upstream: { url: 'https://wiki.internal.test:8443' },
      },
    },
  ];
}

export function sampleBundle(version: number, documents = sampleDocuments()): PutBundle {
  return bundleOf(version, encodeBundle(documents));
}

/** A bundle of any bytes, with the hash that belongs to them. */
export function bundleOf(version: number, documentsJson: Uint8Array): PutBundle {
  const sha256 = createHash('sha256').update(documentsJson).digest();
  return { op: 'bundle', version, sha256, documentsJson };
}

export function sampleUser(id: string, groups: readonly string[] = ['employees']): User {
  return {
    op: 'user',
    id,
    email: `${id}@corp.test`,
    displayName: id,
    status: 'active',
    groups,
    employment: null,
  };
}

export function secretRef(id: string, value: Uint8Array, version = 1): SecretRef {
  return { op: 'secret_ref', id, version, sha256: createHash('sha256').update(value).digest() };
}

export function sampleCookieRing(): Uint8Array {
  return Buffer.from(rotateCookieRing(null), 'utf8');
}

export interface SampleAssertionKey {
  readonly kid: string;
  readonly privateKeyPem: string;
  readonly publicJwk: string;
}

export function sampleAssertionKey(kid = 'key-1'): SampleAssertionKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    kid,
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicJwk: JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid }),
  };
}

export function sampleCredentials(
  assertionKeys: readonly SampleAssertionKey[],
  cookieRing: Uint8Array | null = sampleCookieRing(),
): WorkerCredentials {
  return {
    upstream: { certificatePem: '', privateKeyPem: '', serial: 1 },
    assertionKeys: assertionKeys.map(({ kid, privateKeyPem }) => ({ kid, privateKeyPem })),
    serverCertificates: [],
    cookieRing,
  };
}

function rawPublicKey(publicKey: KeyObject): Uint8Array {
  const { x } = publicKey.export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x ?? '', 'base64url'));
}
