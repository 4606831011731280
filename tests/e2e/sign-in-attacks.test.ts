import { Browser } from '@sallyport/stack';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { html, json, pageOn, userOf } from '../support/cast.ts';

const stack = inject('stack');
const adam = userOf(stack, 'adam');
const carol = userOf(stack, 'carol');
const callbackPath = '/.well-known/sallyport/callback/corp';
const sessionCookie = '__Host-sallyport';
const open: Browser[] = [];

async function browserOf(device: typeof adam.device | null, from?: Browser): Promise<Browser> {
  const browser = await Browser.open(stack, device, from?.jar.copy());
  open.push(browser);
  return browser;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((browser) => browser.close()));
});

const wiki = () => pageOn(stack, '/');

/** Signs in at the provider and stops before its redirect to the callback is followed. */
async function upToCallback(browser: Browser, user = adam): Promise<URL> {
  const form = await browser.ask(wiki());
  let answer = await browser.ask(form.url, {
    method: 'POST',
    body: new URLSearchParams({ email: user.email, password: user.password }).toString(),
    follow: false,
  });
  for (let hops = 0; hops < 5; hops += 1) {
    const next = new URL(String(answer.headers['location']), answer.url);
    if (next.pathname === callbackPath) return next;
    answer = await browser.ask(next, { follow: false });
  }
  throw new Error('the provider never sent the browser back');
}

function sessionSet(answer: { headers: Readonly<Record<string, string | string[] | undefined>> }) {
  return [answer.headers['set-cookie'] ?? []]
    .flat()
    .filter((cookie) => cookie.startsWith(`${sessionCookie}=`) && !/max-age=0/i.test(cookie));
}

describe('an attack on the sign-in', () => {
  it('by a callback URL of the attacker’s own gives no session (row 80)', async () => {
    const attackers = await upToCallback(await browserOf(carol.device), carol);
    const victim = await browserOf(adam.device);
    const answer = await victim.ask(attackers, { follow: false });
    expect(answer.status).toBe(400);
    expect(sessionSet(answer)).toEqual([]);
    expect((await victim.ask(wiki(), { headers: json })).status).toBe(401);
  });

  it('by the same state twice is refused, from the same browser and from another (row 81)', async () => {
    const browser = await browserOf(adam.device);
    const callback = await upToCallback(browser);
    const before = await browserOf(adam.device, browser);
    const otherDevice = await browserOf(carol.device, browser);
    expect((await browser.ask(callback)).status).toBe(200);
    for (const replaying of [browser, before, otherDevice]) {
      const answer = await replaying.ask(callback, { follow: false });
      expect([400, 403]).toContain(answer.status);
      expect(sessionSet(answer)).toEqual([]);
    }
  });

  it('by the state of one device on another is refused before it is used (row 81)', async () => {
    const browser = await browserOf(adam.device);
    const callback = await upToCallback(browser);
    const otherDevice = await browserOf(carol.device, browser);
    const answer = await otherDevice.ask(callback, { follow: false });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(sessionSet(answer)).toEqual([]);
  });

  it('by the cookie of one application at another gives nothing (row 87)', async () => {
    const browser = await browserOf(adam.device);
    expect((await browser.signIn(wiki(), adam)).status).toBe(200);
    const value = browser.jar.value(stack.hosts.wiki, sessionCookie);
    expect(value).not.toBeNull();
    const thief = await browserOf(adam.device);
    const reports = pageOn(stack, '/', { host: stack.hosts.reports });
    const answer = await thief.ask(reports, {
      headers: { ...json, cookie: `${sessionCookie}=${value ?? ''}` },
    });
    expect(answer.status).toBe(401);
  });

  it('by a cookie planted before the sign-in gains nothing: the value changes (row 90)', async () => {
    const first = await browserOf(adam.device);
    await first.signIn(wiki(), adam);
    const planted = first.jar.value(stack.hosts.wiki, sessionCookie);
    const signOut = pageOn(stack, '/.well-known/sallyport/sign-out');
    const out = await first.ask(signOut, {
      method: 'POST',
      headers: { ...html, origin: signOut.origin },
      follow: false,
    });
    expect(out.status).toBeLessThan(400);

    const victim = await browserOf(adam.device);
    victim.jar.store(wiki(), [`${sessionCookie}=${planted ?? ''}; Path=/`]);
    expect((await victim.ask(wiki(), { headers: json })).status).toBe(401);
    expect((await victim.signIn(wiki(), adam)).status).toBe(200);
    expect(victim.jar.value(stack.hosts.wiki, sessionCookie)).not.toBe(planted);
    first.jar.store(wiki(), [`${sessionCookie}=${planted ?? ''}; Path=/`]);
    expect((await first.ask(wiki(), { headers: json })).status).toBe(401);
  });

  it('by markup in the provider’s error is shown as text, if at all (row 98)', async () => {
    const browser = await browserOf(adam.device);
    const callback = await upToCallback(browser);
    const state = callback.searchParams.get('state') ?? '';
    for (const known of [state, 'unknown']) {
      const url = new URL(callbackPath, callback);
      url.search = new URLSearchParams({
        error: '<svg/onload=alert(1)>',
        error_description: '"><script>alert(2)</script>',
        state: known,
        iss: stack.idp.issuer,
      }).toString();
      const answer = await browser.ask(url, { follow: false });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toMatch(/<svg\/onload|<script>alert/);
      expect(String(answer.headers['content-security-policy'])).toContain("default-src 'none'");
    }
  });
});
