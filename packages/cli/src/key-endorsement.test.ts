import { createPrivateKey } from 'node:crypto';
import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import { verifySigningKey } from '@sallyport/shared/keys/root';
import { describe, expect, it } from 'vitest';
import { Failure } from './exit.ts';
import { endorse, fingerprint, readProposals } from './key-endorsement.ts';

const root = newEd25519KeyPair();
const key = createPrivateKey(root.privateKeyPem);
const publicKey = newEd25519KeyPair().publicKey;
const dayMs = 86_400_000;
const iso = (days: number): string => new Date(Date.now() + days * dayMs).toISOString();
const proposal = {
  keyId: 'lane-revoke-0123456789ab',
  purpose: 'lane-revoke',
  publicKey: Buffer.from(publicKey).toString('base64url'),
  notBefore: iso(0),
  notAfter: iso(30),
};

const nowMs = Date.now();
const read = (...changes: object[]) =>
  readProposals(
    changes.map((change) => ({ ...proposal, ...change })),
    { purposes: ['lane-revoke', 'session-statement'], nowMs },
  );

describe('the root key', () => {
  it('vouches for what was proposed, to the millisecond', () => {
    const [read1] = read({});
    if (read1 === undefined) throw new Error('nothing was read');
    const { keyId, rootSignature } = endorse(read1, key);
    const signed = {
      op: 'signing_key' as const,
      keyId,
      purpose: proposal.purpose,
      publicKey,
      notBeforeMs: Date.parse(proposal.notBefore),
      notAfterMs: Date.parse(proposal.notAfter),
      rootSignature: Buffer.from(rootSignature, 'base64url'),
    };
    expect(verifySigningKey(signed, root.publicKey)).toBe(true);
  });

  it('shows a key by the SHA-256 of its public half', () => {
    const [first] = read({ publicKey: Buffer.alloc(32).toString('base64url') });
    expect(first && fingerprint(first)).toBe(
      '66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925',
    );
  });

  it.each([
    ['a purpose that was not asked for', { purpose: 'heartbeat', keyId: 'heartbeat-0' }],
    ['a purpose that is not known', { purpose: 'lane-other', keyId: 'lane-other-0' }],
    ['the id of another purpose', { keyId: 'heartbeat-0123456789ab' }],
    ['a public key of another length', { publicKey: 'AAAA' }],
    ['a life of more than 31 days', { notAfter: iso(32) }],
    ['no life', { notAfter: iso(-1) }],
    ['no instant', { notAfter: 'for ever' }],
    ['a life that has begun before now', { notBefore: iso(-0.01), notAfter: iso(29) }],
    ['a life that is far away', { notBefore: iso(500), notAfter: iso(530) }],
    [
      'a life of years for statements',
      { purpose: 'session-statement', keyId: 'session-statement-0', notAfter: iso(401) },
    ],
  ])('signs nothing with %s, whatever the control plane sends', (_, change) => {
    expect(() => read(change)).toThrow(Failure);
  });

  it('signs statements for a year, and lanes a few minutes before now, because clocks differ', () => {
    const statement = { purpose: 'session-statement', keyId: 'session-statement-0' };
    expect(read({ ...statement, notAfter: iso(397) })).toHaveLength(1);
    expect(read({ notBefore: new Date(nowMs - 60_000).toISOString() })).toHaveLength(1);
  });

  it('signs one key of a purpose in one run', () => {
    expect(() => read({}, { keyId: 'lane-revoke-ffffffffffff' })).toThrow(Failure);
  });
});
