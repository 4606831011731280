import type { KeyObject } from 'node:crypto';
import { endorsedPurposes, signKey } from '@sallyport/shared/keys/root';
import { type Json, readText } from './client/reading.ts';
import { Failure } from './exit.ts';

/** The root key's word on a proposed key, as the API takes it. */
export interface Endorsement {
  readonly keyId: string;
  /** base64url */
  readonly rootSignature: string;
}

const lifeMsMax = 400 * 86_400_000;
const aheadMsMax = 400 * 86_400_000;
const publicKeyBytes = 32;

/**
 * Vouches for a proposed key. The root key signs nothing that was not asked for, whatever the
 * control plane sends: a purpose that we know and wanted, and a life of a length that keys have.
 * Fails for anything else.
 */
export function endorse(
  proposal: Json,
  root: KeyObject,
  wanted: readonly string[] | undefined,
): Endorsement {
  const keyId = readText(proposal, 'keyId');
  const purpose = readText(proposal, 'purpose');
  const publicKey = Buffer.from(readText(proposal, 'publicKey'), 'base64url');
  const notBeforeMs = Date.parse(readText(proposal, 'notBefore'));
  const notAfterMs = Date.parse(readText(proposal, 'notAfter'));
  const expected: readonly string[] = wanted ?? endorsedPurposes;
  const odd =
    !expected.includes(purpose) ||
    !keyId.startsWith(`${purpose}-`) ||
    publicKey.length !== publicKeyBytes ||
    !(notAfterMs > notBeforeMs && notAfterMs - notBeforeMs <= lifeMsMax) ||
    notBeforeMs > Date.now() + aheadMsMax;
  if (odd) {
    throw new Failure('failed', `the control plane proposed a key that is not signed: ${keyId}`);
  }
  const fields = {
    keyId,
    purpose,
    publicKey: new Uint8Array(publicKey),
    notBeforeMs,
    notAfterMs,
  };
  const { rootSignature } = signKey(fields, root);
  return { keyId, rootSignature: Buffer.from(rootSignature).toString('base64url') };
}
