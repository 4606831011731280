import { createHash } from 'node:crypto';
import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, signIn, toProvider } from '../testing/browser.ts';
import { call } from '../testing/client.ts';
import { signInHost, testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

describe('signing in', () => {
  it('goes from the page to the provider and back to the page', async () => {
    const browser = new Browser(edge);
    const { away, provider } = await toProvider(browser);
    expect(browser.location(away).origin).toBe(`https://${signInHost}:${edge.port}`);
    expect(provider.origin).toBe('https://idp.corp.test');
    const { handedOver } = await signIn(browser);
    expect(handedOver.header('location')).toBe('/start?x=1');
    for (const redirect of [away, handedOver]) {
      expect(redirect.header('cross-origin-opener-policy')).toBe('same-origin');
    }
    const page = await browser.follow(handedOver);
    expect([page.status, page.body]).toEqual([200, 'hello']);
    // The cookies of the way are gone, the session is there on both hosts.
    expect([...browser.cookies(signInHost).keys()]).toContain('__Host-sallyport');
    expect([...browser.cookies('app.corp.test').keys()]).toContain('__Host-sallyport');
  });

  it('gives state, nonce and challenge afresh each time, with 256 bits (row 83)', async () => {
    const one = (await toProvider(new Browser(edge))).provider.searchParams;
    const two = (await toProvider(new Browser(edge))).provider.searchParams;
    expect(one.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(one.get(name)).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(one.get(name)).not.toBe(two.get(name));
    }
    expect(new Set([one.get('state'), one.get('nonce'), one.get('code_challenge')]).size).toBe(3);
  });

  it('gives the verifier of the challenge to the control plane, and the device', async () => {
    await signIn(new Browser(edge));
    const { begun, completed } = edge.control;
    const last = completed.at(-1);
    const challenge = createHash('sha256')
      .update(last?.codeVerifier ?? '')
      .digest('base64url');
    expect(challenge).toBe(begun.at(-1)?.codeChallenge);
    expect(last).toMatchObject({
      deviceId: 'dev_laptop',
      nonce: begun.at(-1)?.nonce,
      redirectUri: begun.at(-1)?.redirectUri,
      sourceAddress: '127.0.0.1',
    });
  });

  it('leaves records of each step, with user, session and device as far as they are known', async () => {
    await edge.settle();
    await signIn(new Browser(edge));
    await expect.poll(() => edge.records.all.length).toBe(4);
    expect(
      edge.records.all.map(({ outcome, reasons, userId, deviceId, sid }) => [
        outcome,
        reasons[0],
        userId,
        deviceId,
        sid !== null,
      ]),
    ).toEqual([
      ['sign_in', 'session_required', null, 'dev_laptop', false],
      ['own', 'sign_in_to_provider', null, 'dev_laptop', false],
      ['own', 'signed_in', 'usr_alice', 'dev_laptop', true],
      ['own', 'session_handed_over', 'usr_alice', 'dev_laptop', true],
    ]);
    expect(JSON.stringify(edge.records.all)).not.toMatch(/eyJ|code-of-the-provider|token=|state=/);
  });

  it('hands the session over to a second domain without asking again', async () => {
    const browser = new Browser(edge);
    await signIn(browser);
    const asked = edge.control.begun.length;
    const away = await browser.get('reports.fin.test', '/r');
    const straightBack = await browser.follow(away);
    expect(browser.location(straightBack).hostname).toBe('reports.fin.test');
    const handedOver = await browser.follow(straightBack);
    expect(handedOver.header('location')).toBe('/r');
    expect((await browser.get('reports.fin.test', '/r')).status).toBe(200);
    expect(edge.control.begun.length).toBe(asked);
  });

  it('refuses a callback in a browser that did not start it (row 80)', async () => {
    const { back } = await toProvider(new Browser(edge));
    const victim = new Browser(edge);
    const response = await victim.get(signInHost, back);
    expect(response.status).toBe(400);
    expect(victim.cookies(signInHost).size).toBe(0);
    expect(edge.control.completed.some(({ callbackQuery }) => back.includes(callbackQuery))).toBe(
      false,
    );
  });

  it('refuses a state twice, late, elsewhere and on another device (row 81)', async () => {
    const browser = new Browser(edge);
    const { back } = await toProvider(browser);
    const kept = new Map(browser.cookies(signInHost));
    const again = async () => {
      browser.jar.set(signInHost, new Map(kept));
      return browser.get(signInHost, back);
    };
    browser.device = edge.other;
    expect((await again()).status).toBe(403);
    browser.device = null;
    expect((await again()).status).toBe(403);
    browser.device = edge.laptop;
    expect((await browser.get('app.corp.test', back)).status).toBe(404);
    edge.clock.offsetMs = 601_000;
    expect((await again()).status).toBe(400);
    edge.clock.offsetMs = 0;
    expect((await again()).status).toBe(302);
    const replayed = await again();
    expect([replayed.status, replayed.body.includes('sign_in_used')]).toEqual([400, true]);
  });

  it('refuses a code at the sign-in of somebody else (row 84)', async () => {
    const attacker = new Browser(edge);
    const victim = new Browser(edge);
    const { back } = await toProvider(victim);
    await toProvider(attacker);
    expect((await attacker.get(signInHost, back)).status).toBe(400);
  });

  it('hands over to the browser that asked, once, on its device', async () => {
    const browser = new Browser(edge);
    const { back } = await toProvider(browser);
    const called = await browser.get(signInHost, back);
    const kept = new Map(browser.cookies('app.corp.test'));
    browser.device = edge.other;
    const elsewhere = await browser.follow(called);
    expect([elsewhere.status, elsewhere.body.includes('session_other_device')]).toEqual([
      403,
      true,
    ]);
    browser.device = edge.laptop;
    // A token for one host is nothing at another.
    const { pathname, search } = browser.location(called);
    expect((await browser.get('admin.corp.test', pathname + search)).status).toBe(400);
    expect((await browser.follow(called)).status).toBe(302);
    browser.jar.set('app.corp.test', new Map(kept));
    const replayed = await browser.follow(called);
    expect([replayed.status, replayed.body.includes('sign_in_used')]).toEqual([400, true]);
    expect(browser.cookies('app.corp.test').has('__Host-sallyport')).toBe(false);
  });

  it('hands over to nobody once another browser has come with the token', async () => {
    const browser = new Browser(edge);
    const { back } = await toProvider(browser);
    const called = await browser.get(signInHost, back);
    const stranger = new Browser(edge);
    const lost = await stranger.follow(called);
    expect([lost.status, lost.body.includes('sign_in_lost')]).toEqual([400, true]);
    expect(stranger.cookies('app.corp.test').size).toBe(0);
    const late = await browser.follow(called);
    expect([late.status, late.body.includes('sign_in_used')]).toEqual([400, true]);
  });

  it('goes to the provider of the settings alone, whatever the address asks for', async () => {
    const documents = (provider: string): ConfigurationDocument[] => [
      ...testDocuments(edge.pki, edge.upstream.port).map((document) =>
        document.kind === 'Settings'
          ? {
              ...document,
              spec: { ...document.spec, signIn: { host: signInHost, identityProvider: provider } },
            }
          : document,
      ),
      {
        apiVersion,
        kind: 'IdentityProvider',
        metadata: { name: 'other' },
        spec: { issuer: 'https://other.corp.test', clientId: 'edge', clientSecret: 'other-secret' },
      },
    ];
    await edge.apply('config', ...edge.configuration(documents('corp')));
    const browser = new Browser(edge);
    const binding = 'A'.repeat(43);
    const path = `/.well-known/sallyport/sign-in?host=app.corp.test&binding=${binding}&provider=other`;
    expect((await browser.get(signInHost, path)).status).toBe(302);
    expect(edge.control.begun.at(-1)?.provider).toBe('corp');
    const { back } = await toProvider(browser);
    await edge.apply('config', ...edge.configuration(documents('other')));
    const completed = edge.control.completed.length;
    const lost = await browser.get(signInHost, back);
    expect([lost.status, lost.body.includes('sign_in_lost')]).toEqual([400, true]);
    expect(edge.control.completed.length).toBe(completed);
    await edge.apply('config', ...edge.configuration(testDocuments(edge.pki, edge.upstream.port)));
  });

  it('hands over only for a minute', async () => {
    const browser = new Browser(edge);
    const { back } = await toProvider(browser);
    const called = await browser.get(signInHost, back);
    edge.clock.offsetMs = 61_000;
    const late = await browser.follow(called);
    edge.clock.offsetMs = 0;
    expect(late.status).toBe(400);
  });

  it('gives a new cookie in place of an old one (row 90)', async () => {
    const browser = new Browser(edge);
    const fixed = await edge.session('usr_bob', 'dev_laptop', 'app.corp.test', {
      expiresAtMs: Date.now() - 1,
      issuedAtMs: Date.now() - 60_000,
    });
    browser.cookies('app.corp.test').set('__Host-sallyport', fixed.split('=')[1] ?? '');
    const away = await browser.get('app.corp.test', '/');
    expect(away.all('set-cookie').some((line) => line.startsWith('__Host-sallyport=;'))).toBe(true);
    await signIn(browser);
    const value = browser.cookies('app.corp.test').get('__Host-sallyport');
    expect(value).not.toBe(fixed.split('=')[1]);
    const first = value;
    browser.jar.clear();
    await signIn(browser);
    expect(browser.cookies('app.corp.test').get('__Host-sallyport')).not.toBe(first);
  });

  it('keeps at most five sign-ins in a browser, and others still sign in (row 99)', async () => {
    const browser = new Browser(edge);
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        const away = await browser.get('app.corp.test', '/');
        expect((await browser.follow(away)).status).toBe(302);
      }),
    );
    expect(browser.cookies('app.corp.test').size).toBeLessThanOrEqual(5);
    expect(browser.cookies(signInHost).size).toBeLessThanOrEqual(5);
    const { handedOver } = await signIn(browser);
    expect(handedOver.status).toBe(302);
  });

  it('shows nothing of what a provider or an attacker wrote into the address (row 98)', async () => {
    const browser = new Browser(edge);
    const { back } = await toProvider(browser);
    const state = new URL(back, 'https://x').searchParams.get('state') ?? '';
    const evil = '%3Csvg%2Fonload%3D1%3E';
    const queries = [
      `error=${evil}&error_description=${evil}`,
      `error=${evil}&error_description=${evil}&state=${state}`,
      `state=${evil}`,
      `state=${state}&state=${state}`,
    ];
    edge.control.refuse = 'refused';
    for (const query of queries) {
      const response = await browser.get(
        signInHost,
        `/.well-known/sallyport/callback/corp?${query}`,
      );
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.body).not.toMatch(/svg|onload/i);
      expect(response.header('content-security-policy')).toMatch(/^default-src 'none'; style-src/);
    }
    edge.control.refuse = null;
    for (const path of [
      `/.well-known/sallyport/sign-in?host=${evil}&binding=${evil}`,
      `/.well-known/sallyport/hand-over?token=${evil}`,
      `/.well-known/sallyport/${evil}`,
    ]) {
      expect((await browser.get(signInHost, path)).body).not.toMatch(/svg|onload/i);
    }
  });

  it('leads to no host that is not protected, and back to no other host', async () => {
    const browser = new Browser(edge);
    const binding = 'A'.repeat(43);
    for (const host of ['evil.test', 'app.corp.test.evil.test', 'app.corp.test:1@evil.test', '']) {
      const path = `/.well-known/sallyport/sign-in?host=${encodeURIComponent(host)}&binding=${binding}`;
      expect((await browser.get(signInHost, path)).status).toBe(400);
    }
    for (const path of ['//evil.test/', '/%2f%2fevil.test', '/\\evil.test']) {
      expect((await browser.get('app.corp.test', path)).status).toBe(400);
    }
    const away = await browser.get('app.corp.test', '/a/../b?next=//evil.test');
    const { handedOver } = await signIn(browser, 'app.corp.test', '/a/../b?next=//evil.test');
    expect(away.status).toBe(302);
    expect(handedOver.header('location')).toBe('/b?next=//evil.test');
  });

  it.each([
    ['user_blocked', 403, 'user_revoked'],
    ['device_blocked', 403, 'device_revoked'],
    ['lockdown', 403, 'lockdown'],
    ['provider_unavailable', 503, 'sign_in_unavailable'],
  ] as const)('says why the control plane refused: %s', async (failure, status, code) => {
    const browser = new Browser(edge);
    const { back } = await toProvider(browser);
    edge.control.refuse = failure;
    const response = await browser.get(signInHost, back);
    edge.control.refuse = null;
    expect([response.status, response.body.includes(code)]).toEqual([status, true]);
    expect(browser.cookies(signInHost).has('__Host-sallyport')).toBe(false);
  });

  it('says so when the control plane cannot be reached', async () => {
    const browser = new Browser(edge);
    const away = await browser.get('app.corp.test', '/');
    edge.control.reachable = false;
    const response = await browser.follow(away);
    edge.control.reachable = true;
    expect([response.status, response.header('retry-after')]).toEqual([503, '5']);
  });

  it('asks the provider again for a step-up, whatever session there is', async () => {
    const browser = new Browser(edge);
    edge.control.userId = 'usr_adam';
    await signIn(browser, 'admin.corp.test', '/');
    // InMemoryControl says the user authenticated a minute ago: fresh enough.
    expect((await browser.get('admin.corp.test', '/')).status).toBe(200);
    edge.clock.offsetMs = 400_000;
    const away = await browser.get('admin.corp.test', '/');
    expect(browser.location(away).searchParams.get('step_up')).toBe('1');
    const atSignIn = await browser.follow(away);
    edge.clock.offsetMs = 0;
    edge.control.userId = 'usr_alice';
    expect(browser.location(atSignIn).hostname).toBe('idp.corp.test');
    expect(edge.control.begun.at(-1)?.stepUp).toBe(true);
  });

  it('sends scripts no redirect but a challenge', async () => {
    const response = await call(edge, { headers: ['Accept: application/json'] });
    expect([response.status, response.header('www-authenticate')]).toEqual([
      401,
      'Bearer realm="app.corp.test"',
    ]);
    expect(response.header('content-type')).toBe('application/problem+json');
    const fetched = await call(edge, {
      headers: ['Accept: text/html', 'Sec-Fetch-Mode: cors'],
    });
    expect(fetched.status).toBe(401);
    const posted = await call(edge, { method: 'POST', page: true, body: 'a=b' });
    expect([posted.status, posted.header('content-type')]).toEqual([
      401,
      'text/html; charset=utf-8',
    ]);
  });

  it('does not go round and round when signing in gives nothing', async () => {
    const host = 'strong.corp.test';
    const amr = ['pwd'];
    const fresh = { authenticatedAtMs: Date.now(), amr };
    const cookie = await edge.session('usr_alice', 'dev_laptop', host, fresh);
    const response = await call(edge, { host, cookie, page: true });
    expect([response.status, response.body.includes('sign_in_no_effect')]).toEqual([403, true]);
    const older = await edge.session('usr_alice', 'dev_laptop', host, { amr });
    expect((await call(edge, { host, cookie: older, page: true })).status).toBe(302);
    const scripted = await call(edge, { host, cookie: older });
    expect([scripted.status, scripted.header('www-authenticate')]).toEqual([
      401,
      'Bearer realm="strong.corp.test", error="insufficient_user_authentication", ' +
        'error_description="A more recent or stronger sign-in is needed"',
    ]);
  });

  it('sends the user of a session that was ended a moment ago to sign in again', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test', {
      authenticatedAtMs: Date.now(),
      generations: { global: 9, user: 0, device: 0 },
    });
    expect((await call(edge, { cookie, page: true })).status).toBe(302);
  });
});
