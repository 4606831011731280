import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { base64url, exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type GoodToken,
  type HostileProvider,
  kid,
  type Lie,
  startHostileProvider,
} from '../testing/hostile-provider.ts';
import {
  newAttempt,
  outcomeOf,
  type SignInWorld,
  startSignInWorld,
} from '../testing/sign-in-world.ts';

let world: SignInWorld;
let hostile: HostileProvider;
let tries = 0;

beforeAll(async () => {
  world = await startSignInWorld();
  hostile = await startHostileProvider(world.authority);
});

/** One sign-in at a provider that tells this lie. */
async function outcome(lie: Lie, stepUp = false): Promise<string> {
  tries += 1;
  const name = `idp-${tries}`;
  const one = { ...newAttempt(world.redirectUri(name), name), stepUp };
  const issuer = hostile.issuer(lie, () => one.nonce);
  const { clientId, clientSecret } = hostile;
  await world.configure([{ name, issuer, clientId, clientSecret }]);
  const query = new URLSearchParams({ code: 'the-code', state: one.state });
  return outcomeOf(await world.complete(one, query.toString()));
}

const inTenYears = (): number => Math.floor(Date.now() / 1000) + 10 * 365 * 86_400;
const ago = (seconds: number): number => Math.floor(Date.now() / 1000) - seconds;
const signed = (claims: Record<string, unknown>, header: Record<string, unknown> = {}): Lie => ({
  idToken: (good) => good.sign(claims, header),
});

/** A token put together by hand, for what no library would sign. */
function byHand(
  { claims }: GoodToken,
  header: Record<string, unknown>,
  signature: (input: string) => Uint8Array,
): string {
  const encode = (value: unknown): string => base64url.encode(JSON.stringify(value));
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${base64url.encode(signature(input))}`;
}

describe('an ID token', () => {
  it('that is good signs in, with each algorithm that is accepted', async () => {
    expect(await outcome({})).toBe('signed in');
    for (const alg of ['RS256', 'PS256', 'EdDSA']) {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg, use: 'sig' };
      const lie: Lie = {
        jwks: (_, response) => answerJson(response, { keys: [jwk] }),
        idToken: ({ claims }) =>
          new SignJWT({ ...claims }).setProtectedHeader({ alg, kid: 'k' }).sign(privateKey),
      };
      expect(await outcome(lie), alg).toBe('signed in');
    }
  });

  it('that is forged is refused', async () => {
    const attacker = await generateKeyPair('ES256', { extractable: true });
    const attackerJwk = await exportJWK(attacker.publicKey);
    const byAttacker = (header: Record<string, unknown>): Lie => ({
      idToken: ({ claims }) =>
        new SignJWT({ ...claims })
          .setProtectedHeader({ alg: 'ES256', kid, ...header })
          .sign(attacker.privateKey),
    });
    const hmac = (secret: (good: GoodToken) => Promise<string> | string): Lie => ({
      async idToken(good) {
        const key = await secret(good);
        return byHand(good, { alg: 'HS256', kid }, (input) =>
          createHmac('sha256', key).update(input).digest(),
        );
      },
    });
    const jwksUri = `${hostile.origin}/jwks-of-the-attacker`;
    const lies: Record<string, Lie> = {
      'alg none': { idToken: (good) => byHand(good, { alg: 'none' }, () => new Uint8Array()) },
      'alg NONE': { idToken: (good) => byHand(good, { alg: 'NONE', kid }, () => new Uint8Array()) },
      'HS256 with the client secret': hmac(() => hostile.clientSecret),
      'HS256 with the public key': hmac(async ({ publicJwk }) => {
        const key = await importJWK(publicJwk, 'ES256', { extractable: true });
        return exportSPKI(key as CryptoKey);
      }),
      'another key': byAttacker({}),
      'another key, wrong kid': byAttacker({ kid: 'other' }),
      'another key in a jwk header': byAttacker({ jwk: attackerJwk }),
      'another key by jku': byAttacker({ jku: jwksUri }),
      'another key by x5u': byAttacker({ x5u: jwksUri }),
      'a wrong kid': signed({}, { kid: 'other' }),
      'a jwk header': signed({}, { jwk: attackerJwk }),
      'a jku header': signed({}, { jku: jwksUri }),
      'an x5u header': signed({}, { x5u: jwksUri }),
      'b64 false': {
        idToken: (good) =>
          byHand(good, { alg: 'ES256', kid, b64: false, crit: ['b64'] }, () => new Uint8Array(64)),
      },
      'an unknown crit': {
        idToken: (good) =>
          byHand(good, { alg: 'ES256', kid, crit: ['x'], x: 1 }, () => new Uint8Array(64)),
      },
      'a signature of zeros': {
        idToken: (good) => byHand(good, { alg: 'ES256', kid }, () => new Uint8Array(64)),
      },
      'a payload that was changed': {
        async idToken(good) {
          const [header, , signature] = (await good.sign()).split('.');
          const claims = base64url.encode(JSON.stringify({ ...good.claims, sub: 'admin' }));
          return `${header}.${claims}.${signature}`;
        },
      },
      'no signature part': { idToken: async (good) => (await good.sign()).replace(/\.[^.]*$/, '') },
      rubbish: { idToken: () => 'a.b.c' },
    };
    const outcomes: Record<string, string> = {};
    for (const [name, lie] of Object.entries(lies)) outcomes[name] = await outcome(lie);
    expect(outcomes).toEqual(
      Object.fromEntries(Object.keys(lies).map((name) => [name, 'REFUSED'])),
    );
    expect(hostile.strayRequests).toEqual([]);
  });

  it('with wrong claims is refused', async () => {
    const lies: Record<string, Lie> = {
      'another issuer': signed({ iss: 'https://evil.example' }),
      'another audience': signed({ aud: 'other' }),
      'more audiences': signed({ aud: ['sallyport', 'other'] }),
      'another authorised party': signed({ azp: 'other' }),
      'another nonce': signed({ nonce: 'other' }),
      'no nonce': signed({ nonce: undefined }),
      'no subject': signed({ sub: undefined }),
      'an empty subject': signed({ sub: '' }),
      'a number as subject': signed({ sub: 7 }),
      'a subject without end': signed({ sub: 'x'.repeat(256) }),
      'no expiry': signed({ exp: undefined }),
      'an expiry in ten years': signed({ exp: inTenYears() }),
      expired: signed({ exp: ago(61) }),
      'not valid yet': signed({ nbf: ago(-3_600) }),
      'issued in the future': signed({ iat: ago(-3_600), exp: ago(-7_200) }),
      'issued long ago': signed({ iat: ago(3_600) }),
      'groups of another form': signed({ groups: { admins: true } }),
      'groups that are not names': signed({ groups: ['staff', 7] }),
      'groups without end': signed({ groups: Array.from({ length: 1_001 }, (_, n) => `g${n}`) }),
    };
    const outcomes: Record<string, string> = {};
    for (const [name, lie] of Object.entries(lies)) outcomes[name] = await outcome(lie);
    expect(outcomes).toEqual(
      Object.fromEntries(Object.keys(lies).map((name) => [name, 'REFUSED'])),
    );
  });

  it('within a minute of clock skew signs in', async () => {
    expect(await outcome(signed({ exp: ago(30) }))).toBe('signed in');
    expect(await outcome(signed({ iat: ago(-30), nbf: ago(-30) }))).toBe('signed in');
  });

  it('for a step-up must tell of a fresh authentication', async () => {
    expect(await outcome({}, true)).toBe('REFUSED');
    expect(await outcome(signed({ auth_time: ago(3_600) }), true)).toBe('REFUSED');
    expect(await outcome(signed({ auth_time: ago(5) }), true)).toBe('signed in');
  });

  it('is needed: an access token alone is no sign-in', async () => {
    const token: Lie['token'] = (_, response) =>
      answerJson(response, { access_token: 'opaque', token_type: 'Bearer' });
    expect(await outcome({ token })).toBe('REFUSED');
  });
});

describe('a discovery document', () => {
  it('that lies is refused (row 128)', async () => {
    const other = 'https://other.corp.localhost';
    const lies: Record<string, Lie> = {
      'another issuer': { metadata: { issuer: 'https://evil.example' } },
      'the issuer spelt otherwise': { metadata: { issuer: `${hostile.origin}/ISSUER` } },
      'keys on another host': { metadata: { jwks_uri: `${other}/jwks` } },
      'keys on another port': { metadata: { jwks_uri: 'https://idp.corp.localhost:1/jwks' } },
      'keys over http': { metadata: { jwks_uri: hostile.origin.replace('https', 'http') } },
      'tokens on another host': { metadata: { token_endpoint: `${other}/token` } },
      'sign-in on another host': { metadata: { authorization_endpoint: `${other}/a` } },
      'userinfo on another host': { metadata: { userinfo_endpoint: `${other}/me` } },
      'no keys': { metadata: { jwks_uri: undefined } },
      'keys at something that is no URL': { metadata: { jwks_uri: '/jwks' } },
      'a redirect': {
        discovery: (_, response) =>
          response.writeHead(302, { location: `${hostile.origin}/elsewhere` }).end(),
      },
      'a page': {
        discovery: (_, response) =>
          response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello'),
      },
      'no document': { discovery: (_, response) => response.writeHead(404).end() },
      'a body without end': { discovery: (_, response) => pourOut(response) },
    };
    const outcomes: Record<string, string> = {};
    for (const [name, lie] of Object.entries(lies)) outcomes[name] = await outcome(lie);
    const refused = Object.keys(lies).map((name) => [name, 'PROVIDER_UNAVAILABLE']);
    expect(outcomes).toEqual(Object.fromEntries(refused));
    expect(hostile.strayRequests).toEqual([]);
  });
});

describe('a provider', () => {
  it('is discovered once for sign-ins that begin at the same time, and then remembered', async () => {
    let asked = 0;
    let down = false;
    const issuer = hostile.issuer(
      {
        discovery(_, response) {
          asked += 1;
          if (down) response.writeHead(503).end();
          else answerJson(response, metadataOf(issuer));
        },
      },
      () => '',
    );
    const { clientId, clientSecret } = hostile;
    await world.configure([{ name: 'once', issuer, clientId, clientSecret }]);
    const begin = () => world.begin(newAttempt(world.redirectUri('once'), 'once'));
    await Promise.all([begin(), begin(), begin(), begin()]);
    down = true;
    expect(await begin()).toContain(`${issuer}/authorize`);
    expect(asked).toBe(1);
  });
});

function metadataOf(issuer: string): Record<string, string> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
  };
}

describe('a provider that fails', () => {
  it('is called unavailable, within the time that the edge waits', async () => {
    const lies: Record<string, Lie> = {
      'discovery hangs': { discovery: () => undefined },
      'tokens fail': { token: (_, response) => response.writeHead(500).end() },
      'tokens hang': { token: () => undefined },
      'tokens without end': { token: (_, response) => pourOut(response) },
      'tokens are elsewhere': {
        token: (_, response) => response.writeHead(307, { location: `${hostile.origin}/x` }).end(),
      },
      'keys hang': { jwks: () => undefined },
      'keys fail': { jwks: (_, response) => response.writeHead(503).end() },
    };
    const outcomes = await Promise.all(
      Object.entries(lies).map(async ([name, lie]) => [name, await inTurn(lie)] as const),
    );
    const wanted = Object.keys(lies).map((name) => [name, 'PROVIDER_UNAVAILABLE']);
    expect(Object.fromEntries(outcomes)).toEqual(Object.fromEntries(wanted));
  });

  it('with an error of its own is a refusal', async () => {
    const token: Lie['token'] = (_, response) =>
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end('{"error":"invalid_grant"}');
    expect(await outcome({ token })).toBe('REFUSED');
  });
});

/** Configurations replace each other, so each is read before the next is written. */
let turn = Promise.resolve('');
function inTurn(lie: Lie): Promise<string> {
  turn = turn.then(() => outcome(lie));
  return turn;
}

function answerJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** A body of JSON that never ends. */
function pourOut(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.on('error', () => undefined);
  const more = (): void => {
    while (!response.destroyed && response.write(`"${'x'.repeat(65_536)}",`));
    if (!response.destroyed) response.once('drain', more);
  };
  response.write('{"a":[');
  more();
}
