import { generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { AssertionClaims } from './claims.ts';
import { signAssertion } from './sign.ts';
import { verifyAssertion } from './verify.ts';

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = createLocalJWKSet({
  keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }],
});

const claims: AssertionClaims = {
  issuer: 'https://signin.corp.example',
  audience: 'https://wiki.corp.example',
  subject: 'usr_1',
  email: 'alice@corp.example',
  groups: ['employees'],
  deviceId: 'dev_1',
  certificateSha256: 'ab'.repeat(32),
  sid: 'ses_1',
  amr: ['pwd', 'mfa'],
  tokenId: 'req_1',
  issuedAtSeconds: 1000,
  expiresAtSeconds: 1120,
};
const expected = { issuer: claims.issuer, audience: claims.audience, nowMs: 1_010_000 };
const verify = (jwt: string, change: Partial<typeof expected> = {}) =>
  verifyAssertion(jwt, jwks, { ...expected, ...change });

/** An assertion that our own signer would not make. */
const forged = (
  payload: Record<string, unknown>,
  header: Record<string, unknown> = {},
  key = keys.privateKey,
) =>
  new SignJWT({
    iss: claims.issuer,
    aud: claims.audience,
    sub: 'usr_1',
    email: 'a@b',
    groups: [],
    amr: [],
    sid: 'ses_1',
    jti: 'x',
    iat: 1000,
    exp: 1120,
    ...payload,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'sallyport-assertion+jwt', ...header })
    .sign(key);

describe('an assertion', () => {
  it('tells an upstream every claim that was signed', async () => {
    const jwt = await signAssertion(claims, keys.privateKey, 'k1');
    expect(jwt.length).toBeLessThan(1024);
    expect(await verify(jwt)).toEqual({ ok: true, claims });
    const bare = { ...claims, deviceId: null, certificateSha256: null, groups: [], amr: [] };
    expect(await verify(await signAssertion(bare, keys.privateKey, 'k1'))).toEqual({
      ok: true,
      claims: bare,
    });
  });

  it('can be made by hand for the tests below', async () => {
    expect(await verify(await forged({}))).toMatchObject({ ok: true });
  });

  it('is expired after its end', async () => {
    const jwt = await signAssertion(claims, keys.privateKey, 'k1');
    expect(await verify(jwt, { nowMs: 1_130_000 })).toEqual({ ok: false, problem: 'expired' });
  });

  it('is invalid for another audience or issuer', async () => {
    const jwt = await signAssertion(claims, keys.privateKey, 'k1');
    const invalid = { ok: false, problem: 'invalid' };
    expect(await verify(jwt, { audience: 'https://reports.corp.example' })).toEqual(invalid);
    expect(await verify(jwt, { issuer: 'https://evil.example' })).toEqual(invalid);
  });

  it.each<[string, () => Promise<string>]>([
    ['another key', () => forged({}, {}, other.privateKey)],
    ['a key id nobody knows', () => forged({}, { kid: 'k2' })],
    ['no key id', () => forged({}, { kid: undefined })],
    ['another type', () => forged({}, { typ: 'sallyport-session+jwt' })],
    ['no type', () => forged({}, { typ: undefined })],
    ['a list of audiences', () => forged({ aud: [claims.audience, 'https://evil.example'] })],
    ['a life of an hour', () => forged({ exp: 4600 })],
    ['no end', () => forged({ exp: undefined })],
    ['no session', () => forged({ sid: undefined })],
    ['a session that is no text', () => forged({ sid: 7 })],
    ['groups that are no list', () => forged({ groups: 'admins' })],
    ['groups that are not all text', () => forged({ groups: ['a', 1] })],
    ['a device that is no text', () => forged({ device: {} })],
    ['a confirmation of another kind', () => forged({ cnf: { jkt: 'x' } })],
    ['a start in the future', () => forged({ iat: 2000, exp: 2100 })],
  ])('is invalid with %s', async (_, make) => {
    expect(await verify(await make())).toEqual({ ok: false, problem: 'invalid' });
  });

  it.each(['', 'a.b.c', 'x'.repeat(20_000), 'eyJhbGciOiJub25lIn0.e30.'])(
    'is invalid when it is %.20s',
    async (text) => {
      expect(await verify(text)).toEqual({ ok: false, problem: 'invalid' });
    },
  );

  it('is not called invalid when the keys could not be had', async () => {
    const jwt = await signAssertion(claims, keys.privateKey, 'k1');
    const down = () => Promise.reject(new TypeError('fetch failed'));
    const unavailable = { ok: false, problem: 'keys_unavailable' };
    expect(await verifyAssertion(jwt, down, expected)).toEqual(unavailable);
  });
});
