import { createPrivateKey } from 'node:crypto';
import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import { verifySigningKey } from '@sallyport/shared/keys/root';
import { describe, expect, it } from 'vitest';
import { Failure } from './exit.ts';
import { endorse } from './key-endorsement.ts';

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

describe('the root key', () => {
  it('vouches for what was proposed, to the millisecond', () => {
    const { keyId, rootSignature } = endorse(proposal, key, ['lane-revoke']);
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

  it.each([
    ['a purpose that was not asked for', { purpose: 'heartbeat', keyId: 'heartbeat-0' }],
    ['a purpose that is not known', { purpose: 'lane-other', keyId: 'lane-other-0' }],
    ['the id of another purpose', { keyId: 'heartbeat-0123456789ab' }],
    ['a public key of another length', { publicKey: 'AAAA' }],
    ['a life of years', { notAfter: iso(500) }],
    ['no life', { notAfter: iso(-1) }],
    ['no instant', { notAfter: 'for ever' }],
    ['a life that is far away', { notBefore: iso(500), notAfter: iso(530) }],
  ])('signs nothing with %s, whatever the control plane sends', (_, change) => {
    expect(() => endorse({ ...proposal, ...change }, key, ['lane-revoke'])).toThrow(Failure);
  });
});
