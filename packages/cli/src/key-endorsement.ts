import { createHash, type KeyObject } from 'node:crypto';
import {
  type EndorsedFields,
  endorsedPurposes,
  sessionStatementPurpose,
  signKey,
} from '@sallyport/shared/keys/root';
import { type Json, readText } from './client/reading.ts';
import { Failure } from './exit.ts';

/** The root key's word on a proposed key, as the API takes it. */
export interface Endorsement {
  readonly keyId: string;
  /** base64url */
  readonly rootSignature: string;
}

/** What the root key is asked to sign. */
export interface Wanted {
  /** What was named on the command line; undefined: any purpose that we know. */
  readonly purposes: readonly string[] | undefined;
  /** Wall time. */
  readonly nowMs: number;
}

const dayMs = 86_400_000;
const laneLifeMsMax = 31 * dayMs;
const statementLifeMsMax = 400 * dayMs;
const aheadMsMax = 400 * dayMs;
/** Clocks differ. A key for the past would vouch for what was said before anybody asked. */
const behindMsMax = 5 * 60_000;
const publicKeyBytes = 32;

/**
 * Reads what the control plane proposes. The root key signs nothing that was not asked for, whatever
 * the control plane sends: purposes that we know and wanted, one key of each, with a life of a length
 * that keys have, not begun before now. Fails for anything else.
 */
export function readProposals(proposals: readonly Json[], wanted: Wanted): EndorsedFields[] {
  const keys = proposals.map((proposal) => readProposal(proposal, wanted));
  const twice = keys.find(({ purpose }, at) => keys.findIndex((k) => k.purpose === purpose) < at);
  if (twice !== undefined) {
    throw new Failure(
      'failed',
      `the control plane proposed more than one key of ${twice.purpose}; nothing was signed`,
    );
  }
  return keys;
}

function readProposal(proposal: Json, { purposes, nowMs }: Wanted): EndorsedFields {
  const keyId = readText(proposal, 'keyId');
  const purpose = readText(proposal, 'purpose');
  const publicKey = Buffer.from(readText(proposal, 'publicKey'), 'base64url');
  const notBeforeMs = Date.parse(readText(proposal, 'notBefore'));
  const notAfterMs = Date.parse(readText(proposal, 'notAfter'));
  const expected: readonly string[] = purposes ?? endorsedPurposes;
  const lifeMsMax = purpose === sessionStatementPurpose ? statementLifeMsMax : laneLifeMsMax;
  const odd =
    !expected.includes(purpose) ||
    !keyId.startsWith(`${purpose}-`) ||
    publicKey.length !== publicKeyBytes ||
    !(notAfterMs > notBeforeMs && notAfterMs - notBeforeMs <= lifeMsMax) ||
    notBeforeMs < nowMs - behindMsMax ||
    notBeforeMs > nowMs + aheadMsMax;
  if (odd) {
    throw new Failure('failed', `the control plane proposed a key that is not signed: ${keyId}`);
  }
  return { keyId, purpose, publicKey: new Uint8Array(publicKey), notBeforeMs, notAfterMs };
}

/** Vouches for a key that was read above. */
export function endorse(key: EndorsedFields, root: KeyObject): Endorsement {
  const { rootSignature } = signKey(key, root);
  return { keyId: key.keyId, rootSignature: Buffer.from(rootSignature).toString('base64url') };
}

/** SHA-256 of the raw public key, in hex: what a person can compare. */
export function fingerprint({ publicKey }: EndorsedFields): string {
  return createHash('sha256').update(publicKey).digest('hex');
}
