import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type webcrypto,
} from 'node:crypto';

/** Ed25519 keys between their forms: 32 raw bytes in the state, PEM at rest, key objects in use. */

/** DER of a SubjectPublicKeyInfo for Ed25519 (RFC 8410), up to the 32 bytes of the key. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const keyBytes = 32;

export interface Ed25519KeyPair {
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

/** A new key pair. */
export function newEd25519KeyPair(): Ed25519KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: rawPublicKey(publicKey),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/** The 32 bytes of a public key, also of a private key's public half. Throws for another type. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return new Uint8Array(der.subarray(spkiPrefix.length));
}

/** A public key from its 32 bytes; null for another length. */
export function publicKeyFromRaw(raw: Uint8Array): KeyObject | null {
  if (raw.length !== keyBytes) return null;
  const der = Buffer.concat([spkiPrefix, raw]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

/** The same for verifyStatement, which takes keys of WebCrypto. */
export function verificationKeyFromRaw(raw: Uint8Array): webcrypto.CryptoKey | null {
  return publicKeyFromRaw(raw)?.toCryptoKey('Ed25519', true, ['verify']) ?? null;
}

/** A private key of WebCrypto for signStatement. Throws for anything but PKCS#8 of Ed25519. */
export function signingKeyFromPem(privateKeyPem: string): webcrypto.CryptoKey {
  return createPrivateKey(privateKeyPem).toCryptoKey('Ed25519', false, ['sign']);
}
