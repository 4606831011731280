import {
  type EndorsedPurpose,
  endorsedPurposes,
  verifySigningKey,
} from '@sallyport/shared/keys/root';
import { newSigningKey, nextKeyLife } from '@sallyport/shared/keys/signing-key';
import { seal } from '@sallyport/shared/seal';
import type { SigningKey } from '@sallyport/shared/state/model';
import {
  countProposals,
  insertProposals,
  type KeyProposalRow,
  takeProposals,
} from '../../store/key-proposals.ts';
import {
  findEndorsedKeys,
  insertSigningKey,
  readKeyEnds,
  type SigningKeyRow,
  signingKeyContext,
} from '../../store/keys.ts';
import type { WriteTx } from '../../store/write.ts';
import type { AdminContext } from '../context.ts';
import { conflict, contradiction } from '../http/problems.ts';

/**
 * New keys in two steps, because the root key is offline: the control plane makes key pairs and
 * keeps their private halves, and they count from the moment at which it is shown the root key's
 * word on them.
 */

const proposalMs = 60 * 60_000;
const proposalsMax = 64;
const dueMs = 31 * 86_400_000;

export interface Wish {
  readonly purposes: readonly EndorsedPurpose[] | undefined;
  /** The keys begin now, instead of taking over from the last ones. */
  readonly now: boolean;
}

/** Makes key pairs for the purposes; without any, for those that will need one, or for all now. */
export async function propose(
  tx: WriteTx,
  context: AdminContext,
  wish: Wish,
  by: string,
): Promise<KeyProposalRow[]> {
  const purposes = wish.purposes ?? (wish.now ? endorsedPurposes : await duePurposes(tx));
  if ((await countProposals(tx.db, tx.nowMs)) + purposes.length > proposalsMax) {
    throw conflict('there are too many proposals; they expire within the hour');
  }
  const known = wish.now ? [] : await findEndorsedKeys(tx.db);
  const rows = purposes.map((purpose): KeyProposalRow => {
    const life = nextKeyLife(purpose, known, tx.nowMs);
    const { fields, privateKeyPem } = newSigningKey(purpose, life);
    const sealedPrivateKey = seal(
      context.sealKey,
      Buffer.from(privateKeyPem, 'utf8'),
      signingKeyContext(fields.keyId),
    );
    const expiresAtMs = tx.nowMs + proposalMs;
    return { ...fields, purpose, sealedPrivateKey, proposedBy: by, expiresAtMs };
  });
  await insertProposals(tx.db, rows);
  tx.describe('', { keyIds: rows.map((row) => row.keyId) });
  return rows;
}

async function duePurposes(tx: WriteTx): Promise<EndorsedPurpose[]> {
  const ends = await readKeyEnds(tx.db);
  const due = ends.filter(({ endsAtMs }) => endsAtMs < tx.nowMs + dueMs);
  return endorsedPurposes.filter((purpose) => due.some((one) => one.purpose === purpose));
}

export interface Endorsement {
  readonly keyId: string;
  /** base64url */
  readonly rootSignature: string;
}

/** Puts proposed keys into force that the root key vouches for: all of them, or none. */
export async function endorse(
  tx: WriteTx,
  context: AdminContext,
  endorsements: readonly Endorsement[],
): Promise<SigningKeyRow[]> {
  const keyIds = endorsements.map(({ keyId }) => keyId);
  const proposals = await takeProposals(tx.db, keyIds, tx.nowMs);
  const rows: SigningKeyRow[] = [];
  for (const [index, { keyId, rootSignature }] of endorsements.entries()) {
    const proposal = proposals.find((one) => one.keyId === keyId);
    if (proposal === undefined || rows.some((row) => row.keyId === keyId)) {
      throw conflict(`${keyId} is no proposal: it was used, has expired, or never was one`);
    }
    const signature = Buffer.from(rootSignature, 'base64url');
    const { proposedBy: _, expiresAtMs: __, sealedPrivateKey, ...fields } = proposal;
    const key: SigningKey = { op: 'signing_key', ...fields, rootSignature: signature };
    if (!verifySigningKey(key, context.rootPublicKey)) {
      const detail = 'is not the word of the root key of this installation on this key';
      throw contradiction(`/endorsements/${index}/rootSignature`, detail);
    }
    const row = {
      ...fields,
      sealedPrivateKey,
      certificatePem: null,
      rootSignature: new Uint8Array(signature),
      createdAtMs: tx.nowMs,
      withdrawnAtMs: null,
    };
    await insertSigningKey(tx.db, row);
    tx.emit('config', key);
    rows.push(row);
  }
  tx.describe('', { keyIds });
  return rows;
}
