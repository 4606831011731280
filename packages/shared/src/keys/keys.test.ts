import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SigningKey } from '../state/model.ts';
import { parseCookieRing, rotateCookieRing } from './cookie-ring.ts';
import { newEd25519KeyPair, publicKeyFromRaw, rawPublicKey } from './ed25519.ts';
import { isKeyLive, signKey, verifySigningKey } from './root.ts';
import { hashToken, isToken, newToken } from './tokens.ts';

const root = newEd25519KeyPair();
const rootKey = createPrivateKey(root.privateKeyPem);
const fields = {
  keyId: 'statement-1',
  purpose: 'session-statement',
  publicKey: newEd25519KeyPair().publicKey,
  notBeforeMs: 1000,
  notAfterMs: 2000,
};

describe('the root key', () => {
  it('vouches for a key', () => {
    expect(verifySigningKey(signKey(fields, rootKey), root.publicKey)).toBe(true);
  });

  it.each<[string, Partial<SigningKey>]>([
    ['id', { keyId: 'statement-2' }],
    ['purpose', { purpose: 'lane-revoke' }],
    ['public half', { publicKey: newEd25519KeyPair().publicKey }],
    ['start', { notBeforeMs: 999 }],
    ['end', { notAfterMs: 2001 }],
    ['signature', { rootSignature: new Uint8Array(64) }],
    ['signature, cut short', { rootSignature: new Uint8Array(3) }],
    ['end, to a fraction', { notAfterMs: 2000.5 }],
    ['end, to before the epoch', { notAfterMs: -1 }],
    // A boundary that moves must not give the same bytes.
    [
      'id and purpose, with the same letters',
      { keyId: 'statement-1s', purpose: 'ession-statement' },
    ],
  ])('does not vouch for a key with another %s', (_, change) => {
    const key = { ...signKey(fields, rootKey), ...change };
    expect(verifySigningKey(key, root.publicKey)).toBe(false);
  });

  it('of another deployment does not vouch for it', () => {
    const key = signKey(fields, rootKey);
    expect(verifySigningKey(key, newEd25519KeyPair().publicKey)).toBe(false);
    expect(verifySigningKey(key, new Uint8Array(31))).toBe(false);
  });

  it('says until when and for what a key is', () => {
    const key = signKey(fields, rootKey);
    const live = (purpose: string, now: number) => isKeyLive(key, purpose, now);
    expect([999, 1000, 1999, 2000].map((now) => live('session-statement', now))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(live('lane-revoke', 1500)).toBe(false);
  });
});

describe('Ed25519 keys', () => {
  it('go to 32 bytes and back', () => {
    expect(root.publicKey).toHaveLength(32);
    const key = publicKeyFromRaw(root.publicKey);
    expect(key === null ? null : rawPublicKey(key)).toEqual(root.publicKey);
    expect(rawPublicKey(rootKey)).toEqual(root.publicKey);
    expect(() =>
      rawPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
    ).toThrow(TypeError);
  });
});

describe('tokens', () => {
  it('say what they are for, and are stored as a hash', () => {
    const { token, sha256 } = newToken('adm');
    expect(token).toMatch(/^sp_adm_[A-Za-z0-9_-]{43}$/);
    expect(isToken('adm', token)).toBe(true);
    expect(isToken('join', token)).toBe(false);
    expect(hashToken(token)).toEqual(sha256);
    expect(newToken('adm').token).not.toBe(token);
    for (const text of ['', 'sp_adm_', `${token}x`, token.slice(0, -1), ` ${token}`]) {
      expect(isToken('adm', text)).toBe(false);
    }
  });
});

describe('the cookie ring', () => {
  it('puts a new key in front and goes on opening with the older ones', () => {
    const first = parseCookieRing(rotateCookieRing(null));
    const text = rotateCookieRing(rotateCookieRing(null));
    const second = parseCookieRing(text);
    expect(first?.keys.size).toBe(1);
    expect(second?.keys.size).toBe(2);
    expect(second?.current.key).toHaveLength(32);
    expect(parseCookieRing(rotateCookieRing(text))?.keys.has(second?.current.id ?? '')).toBe(true);
  });

  it('forgets the oldest keys, so that it stays small', () => {
    let text = rotateCookieRing(null);
    for (let turn = 0; turn < 20; turn += 1) text = rotateCookieRing(text);
    expect(parseCookieRing(text)?.keys.size).toBe(8);
  });

  it.each([
    'nonsense',
    '{}',
    '{"keys":[]}',
    '{"keys":[{"id":"a","key":"AAAA"}]}',
    `{"keys":[{"id":"a","key":"${'A'.repeat(43)}"},{"id":"a","key":"${'B'.repeat(42)}A"}]}`,
    '{"keys":[null]}',
  ])('is not read from %s', (text) => {
    expect(parseCookieRing(text)).toBeNull();
  });
});
