import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AssertionClaims } from '@sallyport/shared/assertion/claims';
import { signAssertion } from '@sallyport/shared/assertion/sign';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from './client/browser.ts';
import { createPki, type StackPki } from './pki.ts';
import { Running } from './running.ts';
import {
  type IdentityProvider,
  startIdentityProvider,
  startUpstream,
  type Upstream,
} from './services.ts';

const issuer = 'https://corp.localhost';
let running: Running;
let pki: StackPki;
let browser: Browser;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-services-'));
  running = new Running(dir, dir, false);
  pki = await createPki(dir);
  browser = await Browser.open({ ca: pki.ca }, null);
});
afterAll(async () => {
  await browser.close();
  await running.stop();
});

describe('the identity provider of the stack', () => {
  let idp: IdentityProvider;
  beforeAll(async () => {
    idp = await startIdentityProvider(running, pki);
    await idp.serve([{ port: 8443 }]);
  });

  function authorization(change: Readonly<Record<string, string>> = {}): URL {
    const url = new URL('/auth', idp.issuer);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: 'sallyport',
      redirect_uri: 'https://signin.corp.localhost:8443/.well-known/sallyport/callback/corp',
      scope: 'openid email profile groups',
      state: 'a-state',
      nonce: 'a-nonce',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      ...change,
    }).toString();
    return url;
  }

  it('asks for address and password and refuses a wrong one', async () => {
    const form = await browser.ask(authorization());
    expect(form.text).toContain('name="password"');
    const wrong = await browser.ask(form.url, {
      method: 'POST',
      body: 'email=alice%40corp.localhost&password=wrong',
    });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('role="alert"');
  });

  it('sends the browser back with a code, the state and its own name', async () => {
    const form = await browser.ask(authorization());
    const body = 'email=alice%40corp.localhost&password=alice-at-the-gate';
    const sent = await browser.ask(form.url, { method: 'POST', body, follow: false });
    const back = await browser.ask(String(sent.headers['location']), { follow: false });
    const callback = new URL(String(back.headers['location']));
    expect(callback.hostname).toBe('signin.corp.localhost');
    expect(callback.searchParams.get('code')).toMatch(/^[\w-]{20,}$/);
    expect(callback.searchParams.get('state')).toBe('a-state');
    expect(callback.searchParams.get('iss')).toBe(idp.issuer);
  });

  it('refuses a redirect to where no edge is, and a request without PKCE', async () => {
    const elsewhere = await browser.ask(authorization({ redirect_uri: 'https://evil.test/' }), {
      follow: false,
    });
    expect(elsewhere.status).toBe(400);
    const plain = await browser.ask(authorization({ code_challenge: '' }), { follow: false });
    expect(String(plain.headers['location'])).toContain('error=invalid_request');
  });
});

describe('the demo application', () => {
  let upstream: Upstream;
  let sign: (change?: Partial<AssertionClaims>) => Promise<string>;
  const keyServer = { close: (): void => {} };

  beforeAll(async () => {
    upstream = await startUpstream(running, pki, pki.ca);
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'edge-1', alg: 'ES256' };
    const [cert, key] = await Promise.all([readFile(pki.idp.cert), readFile(pki.idp.key)]);
    const server = createServer({ cert, key }, (_, response) => {
      response.end(JSON.stringify({ keys: [jwk] }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    keyServer.close = () => void server.close();
    const { port } = server.address() as AddressInfo;
    const jwksUrl = `https://idp.localhost:${port}/`;
    await upstream.believe({ jwksUrl, caPem: pki.caPem, issuer });
    sign = (change) => {
      const now = Math.floor(Date.now() / 1000);
      const claims: AssertionClaims = {
        issuer,
        audience: 'https://upstream.localhost',
        subject: 'usr_1',
        email: 'alice@corp.localhost',
        groups: ['employees'],
        deviceId: 'dev_1',
        certificateSha256: null,
        sid: 'ses_1',
        amr: ['pwd'],
        tokenId: 'jti_1',
        issuedAtSeconds: now,
        expiresAtSeconds: now + 120,
        ...change,
      };
      return signAssertion(claims, privateKey, 'edge-1');
    };
  });
  afterAll(() => keyServer.close());

  it('shows who the assertion says it is', async () => {
    const headers = { 'sallyport-assertion': await sign() };
    const answer = await browser.ask(new URL('/x', upstream.url), { headers });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Hello, alice@corp.localhost');
  });

  it.each([
    ['no assertion', null],
    ['one of another issuer', { issuer: 'https://evil.test' }],
    ['one for another application', { audience: 'https://reports.fin.localhost' }],
    ['one that has expired', { issuedAtSeconds: 1_000, expiresAtSeconds: 1_100 }],
  ])('knows nobody by %s', async (_, change) => {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (change !== null) headers['sallyport-assertion'] = await sign(change);
    const answer = await browser.ask(upstream.url, { headers });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toMatchObject({ identity: null });
  });

  it('shows a strange e-mail address as text', async () => {
    const headers = { 'sallyport-assertion': await sign({ email: '<b>"x"@corp.localhost' }) };
    const answer = await browser.ask(upstream.url, { headers });
    expect(answer.text).toContain('&lt;b&gt;&quot;x&quot;@corp.localhost');
    expect(answer.text).not.toContain('<b>"x"');
  });
});
