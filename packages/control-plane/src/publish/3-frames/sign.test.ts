import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import { signKey } from '@sallyport/shared/keys/root';
import { createLog } from '@sallyport/shared/log';
import type { SigningPurpose } from '@sallyport/shared/sync/signing';
import { type SigningKeyPair, SigningKeys } from '@sallyport/shared/sync/signing-keys';
import { VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import { expect, test } from 'vitest';
import { createSigner } from './sign.ts';

const root = newEd25519KeyPair();

function pairOf(purpose: SigningPurpose): SigningKeyPair {
  const { publicKey, privateKeyPem } = newEd25519KeyPair();
  const fields = { keyId: purpose, purpose, publicKey, notBeforeMs: 0, notAfterMs: 1_000 };
  const key = signKey(fields, createPrivateKey(root.privateKeyPem));
  return { key, privateKey: createPrivateKey(privateKeyPem) };
}

test('a key that cannot sign silences its own lane alone, and is complained of once', () => {
  type Line = { readonly event: string };
  const lines: Line[] = [];
  // Whatever the reason: this one is for another purpose altogether.
  const broken = { ...pairOf('lane-revoke'), privateKey: generateKeyPairSync('x25519').privateKey };
  const keys = new SigningKeys([broken, pairOf('lane-config'), pairOf('heartbeat')]);
  const signer = createSigner({
    keys: {
      current: () => keys,
      verification: new VerificationKeys(root.publicKey),
      message: () => Buffer.alloc(0),
      isLive: () => true,
      refresh: async () => undefined,
    },
    clock: () => 1,
    log: createLog('error', {}, (line) => lines.push(JSON.parse(line) as Line)),
    onSigned: () => undefined,
  });
  const revision = { epoch: 1, prevRev: 0, rev: 1, body: new Uint8Array([1]) };
  for (let second = 0; second < 3; second += 1) {
    expect(signer.sign({ lane: 'revoke', ...revision })).toBe(null);
    expect(signer.sign({ lane: 'config', ...revision })).not.toBe(null);
    const heartbeat = { replica: 'test', sentAtMs: 1, logAgeMs: 0, heads: [] };
    expect(signer.heartbeat(heartbeat)).not.toBe(null);
  }
  // Nor can what has no place in a header.
  expect(signer.sign({ lane: 'config', ...revision, epoch: 2 ** 54 })).toBe(null);
  expect(lines.map(({ event }) => event)).toEqual(['publish.not_signed', 'publish.not_signed']);
});
