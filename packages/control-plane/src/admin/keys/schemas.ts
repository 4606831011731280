import { endorsedPurposes } from '@sallyport/shared/keys/root';
import { type Static, Type } from 'typebox';
import type { KeyProposalRow } from '../../store/key-proposals.ts';
import type { SigningKeyRow } from '../../store/keys.ts';
import { closed, instant, isoOf, label } from '../http/schemas.ts';

const dayMs = 86_400_000;

const keyId = Type.String({ pattern: '^[a-z0-9-]{1,64}$' });
const purpose = Type.Unsafe<string>({ type: 'string', enum: endorsedPurposes });
const publicKey = Type.String({
  pattern: '^[A-Za-z0-9_-]{43}$',
  description: 'Raw Ed25519 public key, base64url.',
});

const fields = { keyId, purpose, publicKey, notBefore: instant, notAfter: instant };

export const Key = Type.Object({
  ...fields,
  state: Type.Union(
    [
      Type.Literal('current'),
      Type.Literal('next'),
      Type.Literal('previous'),
      Type.Literal('expired'),
      Type.Literal('withdrawn'),
    ],
    {
      description:
        'The current one signs; those before and after it are believed as well, ' +
        'but for expired and withdrawn ones.',
    },
  ),
});

export const KeyList = Type.Object({
  items: Type.Array(Key),
  purposes: Type.Array(
    Type.Object({
      purpose,
      daysLeft: Type.Number({ description: 'Until its last key ends.' }),
      rotateSoon: Type.Boolean({ description: 'Fewer than 7 days are left.' }),
    }),
  ),
});

export const Wanted = Type.Object(
  {
    purposes: Type.Optional(
      Type.Array(purpose, {
        minItems: 1,
        maxItems: endorsedPurposes.length,
        uniqueItems: true,
        description:
          'Default: every purpose whose last key ends within 31 days; with `now`, every purpose.',
      }),
    ),
    now: Type.Optional(
      Type.Boolean({
        description:
          'The keys begin now and sign at once, for an emergency. ' +
          'Default: they take over half a life before the last ones end.',
      }),
    ),
  },
  closed,
);

export const Withdrawal = Type.Object({ keyId, reason: label(512) }, closed);

export const Proposals = Type.Object({
  proposals: Type.Array(Type.Object({ ...fields, expiresAt: instant })),
});

export const Endorsements = Type.Object(
  {
    endorsements: Type.Array(
      Type.Object(
        {
          keyId,
          rootSignature: Type.String({
            pattern: '^[A-Za-z0-9_-]{86}$',
            description: 'Of the root key over the proposal (docs/protocol.md), base64url.',
          }),
        },
        closed,
      ),
      { minItems: 1, maxItems: 32 },
    ),
  },
  closed,
);

export function presentProposal(row: KeyProposalRow) {
  return { ...presentFields(row), expiresAt: isoOf(row.expiresAtMs) };
}

/** `currentId`: the key of its purpose that signs now. */
export function presentKey(row: SigningKeyRow, currentId: string | null, nowMs: number) {
  return { ...presentFields(row), state: stateOf(row, currentId, nowMs) };
}

export function daysLeft(endsAtMs: number, nowMs: number): number {
  return Math.max(0, Math.floor(((endsAtMs - nowMs) / dayMs) * 10) / 10);
}

function presentFields(row: KeyProposalRow | SigningKeyRow) {
  return {
    keyId: row.keyId,
    purpose: row.purpose,
    publicKey: Buffer.from(row.publicKey).toString('base64url'),
    notBefore: isoOf(row.notBeforeMs),
    notAfter: isoOf(row.notAfterMs),
  };
}

function stateOf(
  row: SigningKeyRow,
  currentId: string | null,
  nowMs: number,
): Static<typeof Key>['state'] {
  if (row.withdrawnAtMs !== null) return 'withdrawn';
  if (row.keyId === currentId) return 'current';
  if (row.notAfterMs <= nowMs) return 'expired';
  return row.notBeforeMs > nowMs ? 'next' : 'previous';
}
