import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newEd25519KeyPair } from '../keys/ed25519.ts';
import { signKey } from '../keys/root.ts';
import type { SigningKey } from '../state/model.ts';
import type {
  FrameMessage,
  HeartbeatMessage,
  ManifestMessage,
  ProvisionalMessage,
} from './messages.ts';
import { bodySha256, type SigningPurpose } from './signing.ts';
import {
  NoSigningKeyError,
  type SigningKeyPair,
  SigningKeys,
  signingKeyPair,
} from './signing-keys.ts';
import { VerificationKeys } from './verification-keys.ts';

const root = newEd25519KeyPair();
const rootKey = createPrivateKey(root.privateKeyPem);
const nowMs = 5_000;

function pair(
  keyId: string,
  purpose: SigningPurpose,
  notBeforeMs = 0,
  notAfterMs = 10_000,
): SigningKeyPair {
  const { publicKey, privateKeyPem } = newEd25519KeyPair();
  const fields = { keyId, purpose, publicKey, notBeforeMs, notAfterMs };
  return signingKeyPair(signKey(fields, rootKey), privateKeyPem);
}

const signing = new SigningKeys([
  pair('revoke-1', 'lane-revoke'),
  pair('config-1', 'lane-config'),
  pair('heartbeat-1', 'heartbeat'),
]);

function verifying(keys: readonly SigningKey[] = signing.keys()): VerificationKeys {
  const verification = new VerificationKeys(root.publicKey);
  for (const key of keys) verification.add(key);
  return verification;
}

const body = Buffer.from('ops');
const frame = signing.frame({ lane: 'revoke', epoch: 3, prevRev: 6, rev: 7, body }, nowMs);
const digest = new Uint8Array(16).fill(1);
const manifest = signing.manifest(
  {
    lane: 'config',
    position: { epoch: 3, rev: 7 },
    shards: [{ digest, sha256: bodySha256(body), bytes: 3, rows: 1 }],
  },
  nowMs,
);
const heartbeat = signing.heartbeat(
  {
    replica: 'one',
    sentAtMs: nowMs,
    logAgeMs: 20,
    heads: [
      { lane: 'revoke', head: { epoch: 3, rev: 7 }, digest: null, digestAt: null },
      {
        lane: 9,
        head: { epoch: 3, rev: 1 },
        digest: bodySha256(body),
        digestAt: { epoch: 3, rev: 0 },
      },
    ],
  },
  nowMs,
);
const provisional = signing.provisional(
  { id: 'one', issuedAtMs: nowMs, expiresAtMs: nowMs + 1_000, body },
  nowMs,
);

describe('what a replica signs', () => {
  it('is verified with the keys that the root vouches for', () => {
    const keys = verifying();
    expect(keys.verifyFrame(frame, bodySha256(body), nowMs)).toBe('ok');
    expect(keys.verifyManifest(manifest, nowMs)).toBe('ok');
    expect(keys.verifyHeartbeat(heartbeat, nowMs)).toBe('ok');
    expect(keys.verifyProvisional(provisional, bodySha256(body), nowMs)).toBe('ok');
  });

  it('is the same bytes from every replica', () => {
    const { lane, epoch, prevRev, rev } = frame;
    expect(signing.frame({ lane, epoch, prevRev, rev, body }, nowMs).signature).toEqual(
      frame.signature,
    );
  });

  it.each<[string, Partial<FrameMessage>]>([
    ['lane', { lane: 'config' }],
    ['epoch', { epoch: 4 }],
    ['revision before', { prevRev: 5 }],
    ['revision', { rev: 8 }],
    ['signature', { signature: new Uint8Array(64) }],
    ['signature, cut short', { signature: frame.signature.subarray(1) }],
    ['number that is none', { epoch: 0.5 }],
    ['negative number', { rev: -1 }],
    ['key', { keyId: 'config-1' }],
  ])('is not verified as a frame with another %s', (_, change) => {
    const verdict = verifying().verifyFrame({ ...frame, ...change }, bodySha256(body), nowMs);
    expect(['forged', 'wrong_purpose']).toContain(verdict);
  });

  it('is not verified with another body', () => {
    expect(verifying().verifyFrame(frame, bodySha256(Buffer.from('other')), nowMs)).toBe('forged');
  });

  it.each<[string, Partial<ManifestMessage>]>([
    ['position', { position: { epoch: 3, rev: 8 } }],
    ['fewer shards', { shards: [] }],
    ['hash', { shards: [{ digest, sha256: new Uint8Array(32), bytes: 3, rows: 1 }] }],
    ['hash of another length', { shards: [{ digest, sha256: digest, bytes: 3, rows: 1 }] }],
    ['size', { shards: [{ digest, sha256: bodySha256(body), bytes: 4, rows: 1 }] }],
  ])('is not verified as a manifest with another %s', (_, change) => {
    expect(verifying().verifyManifest({ ...manifest, ...change }, nowMs)).toBe('forged');
  });

  it.each<[string, Partial<HeartbeatMessage>]>([
    ['replica', { replica: 'two' }],
    ['time', { sentAtMs: nowMs + 1 }],
    ['age', { logAgeMs: 0 }],
    ['heads', { heads: heartbeat.heads.slice(0, 1) }],
    ['order of heads', { heads: heartbeat.heads.toReversed() }],
  ])('is not verified as a heartbeat with another %s', (_, change) => {
    expect(verifying().verifyHeartbeat({ ...heartbeat, ...change }, nowMs)).toBe('forged');
  });

  it.each<[string, Partial<ProvisionalMessage>]>([
    ['id', { id: 'two' }],
    ['start', { issuedAtMs: 0 }],
    ['end', { expiresAtMs: nowMs + 2_000 }],
  ])('is not verified as a provisional denial with another %s', (_, change) => {
    const changed = { ...provisional, ...change };
    expect(verifying().verifyProvisional(changed, bodySha256(body), nowMs)).toBe('forged');
  });

  it('of one kind is nothing of another kind', () => {
    const { keyId, signature } = provisional;
    const verdict = verifying().verifyFrame(
      { ...frame, keyId, signature },
      bodySha256(body),
      nowMs,
    );
    expect(verdict).toBe('forged');
  });
});

describe('the keys that are believed', () => {
  it('are live ones', () => {
    const keys = verifying();
    expect(keys.verifyFrame(frame, bodySha256(body), 10_000)).toBe('not_live');
    expect(keys.verifyFrame(frame, bodySha256(body), -1)).toBe('not_live');
  });

  it('may have ended where something old is proven', () => {
    const proof = { ...frame, bodySha256: bodySha256(body) };
    expect(verifying().verifyProof('revoke', proof)).toBe('ok');
    expect(verifying().verifyProof('config', proof)).toBe('wrong_purpose');
  });

  it('are those of our root alone', () => {
    const other = newEd25519KeyPair();
    const keys = new VerificationKeys(other.publicKey);
    const [key] = signing.keys();
    expect(key && keys.add(key)).toBe('refused');
    expect(keys.verifyFrame(frame, bodySha256(body), nowMs)).toBe('unknown_key');
  });

  it('stand for their first meaning: an id cannot be taken over', () => {
    const keys = verifying();
    const [key] = signing.keys();
    expect(key && keys.add(key)).toBe('known');
    expect(keys.add(pair('revoke-1', 'lane-revoke').key)).toBe('refused');
    expect(keys.verifyFrame(frame, bodySha256(body), nowMs)).toBe('ok');
  });

  it('are believed no more once withdrawn, and nobody can bring them back before their end', () => {
    const keys = verifying();
    const [key] = signing.keys();
    if (key === undefined) throw new Error('there is no key');
    keys.withdraw(key, nowMs);
    expect(keys.verifyFrame(frame, bodySha256(body), nowMs)).toBe('unknown_key');
    expect(keys.add(key)).toBe('withdrawn');
    expect(keys.keys().map(({ keyId }) => keyId)).not.toContain(key.keyId);
    // Another one is believed as before.
    expect(keys.verifyHeartbeat(heartbeat, nowMs)).toBe('ok');
    // One that was never held, too, and what has ended by itself need not be remembered.
    const coming = pair('revoke-9', 'lane-revoke', 20_000, 30_000).key;
    keys.withdraw(coming, 10_000);
    expect(keys.add(coming)).toBe('withdrawn');
    expect(keys.withdrawn()).toEqual([coming]);
    expect(keys.isWithdrawn(key.keyId)).toBe(false);
  });

  it('are withdrawn in a bounded number', () => {
    const keys = verifying([]);
    const { key } = pair('key', 'heartbeat');
    for (let count = 0; count < 300; count += 1) {
      keys.withdraw({ ...key, keyId: `key-${count}`, notAfterMs: 9_000 + count }, 0);
    }
    expect(keys.withdrawn()).toHaveLength(256);
    expect(keys.isWithdrawn('key-299')).toBe(true);
  });

  it('are a bounded number: those that ended first make room', () => {
    const keys = verifying([]);
    for (let count = 0; count < 80; count += 1) {
      keys.add(pair(`key-${count}`, 'heartbeat', 0, 1_000 + count).key);
    }
    expect(keys.keys()).toHaveLength(64);
    expect(keys.keys().some(({ keyId }) => keyId === 'key-79')).toBe(true);
    expect(keys.add(pair('old', 'heartbeat', 0, 1).key)).toBe('refused');
  });
});

describe('the key that a replica signs with', () => {
  const keys = new SigningKeys([
    pair('b', 'heartbeat', 1_000, 9_000),
    pair('a', 'heartbeat', 1_000, 9_000),
    pair('c', 'heartbeat', 5_000, 20_000),
  ]);

  it.each([
    [999, null],
    [1_000, 'a'],
    [4_999, 'a'],
    [5_000, 'c'],
    [9_500, 'c'],
    [20_000, null],
  ])('is the live one that began last (%d)', (at, keyId) => {
    expect(keys.current('heartbeat', at)?.key.keyId ?? null).toBe(keyId);
  });

  it('must be there', () => {
    expect(() => keys.frame({ lane: 'revoke', epoch: 1, prevRev: 0, rev: 1, body }, 5_000)).toThrow(
      NoSigningKeyError,
    );
  });
});
