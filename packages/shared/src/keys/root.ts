import { type KeyObject, sign, verify } from 'node:crypto';
import type { SigningKey } from '../state/model.ts';
import { type SigningPurpose, signingPurposes } from '../sync/signing.ts';
import { publicKeyFromRaw } from './ed25519.ts';

/**
 * The root key vouches for the keys that the control plane signs with. Edges pin its public half
 * when they join, so a key that arrives in the state is believed only with its endorsement.
 */

export const sessionStatementPurpose = 'session-statement';

/** Every purpose that takes the root key's word: statements, each lane, and heartbeats. */
export type EndorsedPurpose = typeof sessionStatementPurpose | SigningPurpose;
export const endorsedPurposes: readonly EndorsedPurpose[] = [
  sessionStatementPurpose,
  ...signingPurposes,
];

export type EndorsedFields = Omit<SigningKey, 'op' | 'rootSignature'>;

const domain = Buffer.from('sallyport.v1.signing-key\0', 'utf8');

/** Endorses a key with the root key's private half. */
export function signKey(key: EndorsedFields, rootPrivateKey: KeyObject): SigningKey {
  return { op: 'signing_key', ...key, rootSignature: sign(null, signedBytes(key), rootPrivateKey) };
}

/** Whether the root key (raw, 32 bytes) vouches for exactly this key. Never throws. */
export function verifySigningKey(key: SigningKey, rootPublicKey: Uint8Array): boolean {
  const root = publicKeyFromRaw(rootPublicKey);
  if (root === null || key.publicKey.length !== 32 || !hasTimes(key)) return false;
  return verify(null, signedBytes(key), root, key.rootSignature);
}

/** Whether the key may be used at this time, for this purpose. The endorsement is another matter. */
export function isKeyLive(key: SigningKey, purpose: string, nowMs: number): boolean {
  return key.purpose === purpose && key.notBeforeMs <= nowMs && nowMs < key.notAfterMs;
}

/**
 * What is signed: the domain, then each field with its length (4 bytes, big-endian) in front, so
 * that no two keys have the same bytes. Times are 8 bytes, milliseconds.
 */
function signedBytes(key: EndorsedFields): Buffer {
  const fields = [
    Buffer.from(key.keyId, 'utf8'),
    Buffer.from(key.purpose, 'utf8'),
    Buffer.from(key.publicKey),
    timeBytes(key.notBeforeMs),
    timeBytes(key.notAfterMs),
  ];
  return Buffer.concat([domain, ...fields.flatMap((field) => [lengthBytes(field), field])]);
}

function hasTimes({ notBeforeMs, notAfterMs }: EndorsedFields): boolean {
  return [notBeforeMs, notAfterMs].every((time) => Number.isSafeInteger(time) && time >= 0);
}

function lengthBytes(field: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(field.length);
  return bytes;
}

function timeBytes(timeMs: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(timeMs));
  return bytes;
}
