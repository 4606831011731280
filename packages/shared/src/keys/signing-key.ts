import { randomBytes } from 'node:crypto';
import { type SigningPurpose, signingPurposes } from '../sync/signing.ts';
import { newEd25519KeyPair } from './ed25519.ts';
import { type EndorsedFields, type EndorsedPurpose, sessionStatementPurpose } from './root.ts';

/** New keys for the root to endorse, and how long they live. */

export interface NewSigningKey {
  /** What is endorsed. */
  readonly fields: EndorsedFields;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

interface Life {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const dayMs = 86_400_000;
/** Clocks differ; a key that begins now is used at once by somebody whose clock is behind. */
const skewMs = 60_000;
const syncKeyDays = 30;
const statementKeyDays = 397;

/** A purpose whose keys all end sooner than this is one to rotate. */
export const rotateBeforeMs = 7 * dayMs;

/** A new key pair. Nothing is written here. */
export function newSigningKey(purpose: EndorsedPurpose, life: Life): NewSigningKey {
  const { publicKey, privateKeyPem } = newEd25519KeyPair();
  const keyId = `${purpose}-${randomBytes(6).toString('hex')}`;
  return { fields: { keyId, purpose, publicKey, ...life }, privateKeyPem };
}

/**
 * The keys that an installation begins with: one for statements, and two for each lane and for
 * heartbeats, of which the second takes over half-way through the first one's life.
 */
export function firstSigningKeys(nowMs: number): NewSigningKey[] {
  const life = (fromMs: number, days: number): Life => ({
    notBeforeMs: fromMs - skewMs,
    notAfterMs: fromMs + days * dayMs,
  });
  const pair = (purpose: SigningPurpose): NewSigningKey[] => [
    newSigningKey(purpose, life(nowMs, syncKeyDays)),
    newSigningKey(purpose, life(nowMs + (syncKeyDays / 2) * dayMs, syncKeyDays)),
  ];
  return [
    newSigningKey(sessionStatementPurpose, life(nowMs, statementKeyDays)),
    ...signingPurposes.flatMap(pair),
  ];
}

/**
 * When the next key of a purpose lives: it takes over half a life before the last of those there
 * are ends, or now where that is past.
 */
export function nextKeyLife(
  purpose: EndorsedPurpose,
  keys: readonly { readonly purpose: string; readonly notAfterMs: number }[],
  nowMs: number,
): Life {
  const lifeMs = (purpose === sessionStatementPurpose ? statementKeyDays : syncKeyDays) * dayMs;
  const ends = keys.filter((key) => key.purpose === purpose).map((key) => key.notAfterMs);
  const takesOverMs = Math.max(nowMs, ...ends.map((endMs) => endMs - lifeMs / 2));
  return { notBeforeMs: takesOverMs - skewMs, notAfterMs: takesOverMs + lifeMs };
}
