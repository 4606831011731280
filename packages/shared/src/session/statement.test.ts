import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { newEd25519KeyPair, signingKeyFromPem, verificationKeyFromRaw } from '../keys/ed25519.ts';
import { type SessionStatement, signStatement, verifyStatement } from './statement.ts';

const pair = newEd25519KeyPair();
const signingKey = signingKeyFromPem(pair.privateKeyPem);
const keyOf = (id: string) => (id === 'k1' ? verificationKeyFromRaw(pair.publicKey) : null);

const statement: SessionStatement = {
  sid: 'ses_1',
  userId: 'usr_1',
  deviceId: 'dev_1',
  authenticatedAtMs: 999_123,
  amr: ['pwd'],
  acr: null,
  issuedAtMs: 1_000_456,
  expiresAtMs: 2_000_789,
  generations: { global: 1, user: 2, device: 3 },
};

const forged = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  new SignJWT({
    sub: 'usr_1',
    aud: 'sallyport-edges',
    sid: 'ses_1',
    dev: null,
    auth_time_ms: 1,
    amr: [],
    acr: null,
    iat: 1000,
    exp: 2001,
    iat_ms: 1_000_000,
    exp_ms: 2_000_789,
    gen: [0, 0, 0],
    ...claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'k1', typ: 'sallyport-session+jwt', ...header })
    .sign(signingKey);

describe('a session statement', () => {
  it('comes back as it was signed', async () => {
    const jws = await signStatement(statement, signingKey, 'k1');
    expect(await verifyStatement(jws, keyOf, 1_500_000)).toEqual(statement);
    const bare = { ...statement, deviceId: null, amr: [], acr: 'urn:x' };
    expect(
      await verifyStatement(await signStatement(bare, signingKey, 'k1'), keyOf, 1_500_000),
    ).toEqual(bare);
  });

  it('is expired from its last millisecond on', async () => {
    const jws = await signStatement(statement, signingKey, 'k1');
    expect(await verifyStatement(jws, keyOf, 2_000_788)).toEqual(statement);
    expect(await verifyStatement(jws, keyOf, 2_000_789)).toBe('expired');
    expect(await verifyStatement(jws, keyOf, 2_002_000)).toBe('expired');
  });

  it('can be made by hand for the tests below', async () => {
    expect(await verifyStatement(await forged({}), keyOf, 1_500_000)).toMatchObject({
      sid: 'ses_1',
    });
  });

  it.each<[string, () => Promise<string>]>([
    ['a key that is not live', () => forged({}, { kid: 'k2' })],
    ['no key id', () => forged({}, { kid: undefined })],
    ['another type', () => forged({}, { typ: 'JWT' })],
    ['another audience', () => forged({ aud: 'https://wiki.corp.example' })],
    ['no session id', () => forged({ sid: undefined })],
    ['a device that is no text', () => forged({ dev: 7 })],
    ['no device field', () => forged({ dev: undefined })],
    ['two generations', () => forged({ gen: [1, 2] })],
    ['a negative generation', () => forged({ gen: [1, 2, -1] })],
    ['generations as text', () => forged({ gen: ['1', '2', '3'] })],
    ['methods that are no list', () => forged({ amr: 'mfa' })],
    ['methods that are not all text', () => forged({ amr: [1] })],
  ])('is invalid with %s', async (_, make) => {
    expect(await verifyStatement(await make(), keyOf, 1_500_000)).toBe('invalid');
  });

  it('is invalid under another key, with another algorithm, and when it is not one', async () => {
    const jws = await signStatement(statement, signingKey, 'k1');
    const wrong = () => verificationKeyFromRaw(newEd25519KeyPair().publicKey);
    expect(await verifyStatement(jws, wrong, 1_500_000)).toBe('invalid');
    const hmac = await new SignJWT({ sub: 'x' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1', typ: 'sallyport-session+jwt' })
      .sign(pair.publicKey);
    for (const text of [hmac, '', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.']) {
      expect(await verifyStatement(text, keyOf, 1_500_000)).toBe('invalid');
    }
  });
});
