import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { pageOn, userOf } from '../support/cast.ts';
import { chromiumIsThere, openChromium, screenshotFile, type Window } from './support/chromium.ts';

const stack = inject('stack');
const alice = userOf(stack, 'alice');
let window: Window;

async function signIn(page: Page, user: typeof alice): Promise<void> {
  await page.getByLabel('E-mail').fill(user.email);
  await page.getByLabel('Password').fill(user.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

describe.skipIf(!chromiumIsThere)('in Chromium', () => {
  beforeAll(async () => {
    window = await openChromium(stack);
  });
  afterAll(() => window.close());

  it('a person signs in, sees the page, and goes on to another domain without a second form', async () => {
    const profile = await window.profile(alice.device);
    const page = await profile.newPage();
    await page.goto(pageOn(stack, '/handbook?chapter=2').href);
    expect(new URL(page.url()).origin).toBe(stack.idp.issuer);
    await page.screenshot({ path: await screenshotFile('1-sign-in') });
    await signIn(page, alice);
    await page.waitForURL(pageOn(stack, '/handbook?chapter=2').href);
    await expect
      .poll(() => page.getByRole('heading', { level: 1 }).textContent())
      .toContain(alice.email);
    await page.screenshot({ path: await screenshotFile('2-page'), fullPage: true });

    const reports = pageOn(stack, '/', { host: stack.hosts.reports }).href;
    await page.goto(reports);
    expect(page.url()).toBe(reports);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain(alice.email);
    await profile.close();
  });

  it('a person who may not go on gets a page that says what happened, why, and what to do', async () => {
    const profile = await window.profile(alice.device);
    const page = await profile.newPage();
    await page.goto(pageOn(stack, '/').href);
    await signIn(page, alice);
    await page.waitForURL(pageOn(stack, '/').href);
    const answer = await page.goto(pageOn(stack, '/', { host: stack.hosts.admin }).href);
    expect(answer?.status()).toBe(403);
    const text = (await page.locator('body').textContent()) ?? '';
    expect(text).toMatch(/not in a group/);
    expect(text).toContain(await answer?.headerValue('sallyport-request-id'));
    await page.screenshot({ path: await screenshotFile('3-denial-group'), fullPage: true });
    await page.setViewportSize({ width: 390, height: 760 });
    // Whoever reads it out, or copies it, has it on one line.
    const lines = await page.evaluate<number>(`(() => {
      const range = document.createRange();
      range.selectNodeContents(document.querySelector('#reference'));
      return range.getClientRects().length;
    })()`);
    expect(lines).toBe(1);
    await page.screenshot({ path: await screenshotFile('4-denial-phone'), fullPage: true });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: await screenshotFile('5-denial-dark'), fullPage: true });
    await profile.close();
  });

  it('a browser without a device certificate is told to use an enrolled device', async () => {
    const profile = await window.profile(null);
    const page = await profile.newPage();
    // Signing in could not help, so nobody is asked to.
    const answer = await page.goto(pageOn(stack, '/').href);
    expect(answer?.status()).toBe(403);
    const text = (await page.locator('body').textContent()) ?? '';
    expect(text).toMatch(/device/i);
    await page.screenshot({ path: await screenshotFile('6-denial-device'), fullPage: true });
    await profile.close();
  });

  it('an address that no route has gets a page of its own', async () => {
    const profile = await window.profile(alice.device);
    const page = await profile.newPage();
    const answer = await page.goto(pageOn(stack, '/', { host: 'nobody.corp.localhost' }).href);
    expect(answer?.status()).toBe(404);
    await page.screenshot({ path: await screenshotFile('7-no-route'), fullPage: true });
    await profile.close();
  });

  it('sign-out asks once, ends the session and takes its cookie back', async () => {
    const profile = await window.profile(alice.device);
    const page = await profile.newPage();
    await page.goto(pageOn(stack, '/').href);
    await signIn(page, alice);
    await page.waitForURL(pageOn(stack, '/').href);
    await page.goto(pageOn(stack, '/.well-known/sallyport/sign-out').href);
    await page.screenshot({ path: await screenshotFile('8-sign-out'), fullPage: true });
    const cookies = async () => {
      const all = await profile.cookies(pageOn(stack, '/').href);
      return all.map(({ name }) => name);
    };
    expect(await cookies()).toContain('__Host-sallyport');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForLoadState();
    await expect.poll(cookies).not.toContain('__Host-sallyport');
    await page.screenshot({ path: await screenshotFile('9-signed-out'), fullPage: true });
    await profile.close();
  });

  it('a person looks at their own page, and ends a session that they do not want', async () => {
    const me = pageOn(stack, '/.well-known/sallyport/me').href;
    const [here, there] = await Promise.all(
      ['here', 'there'].map(async () => {
        const profile = await window.profile(alice.device);
        const page = await profile.newPage();
        await page.goto(pageOn(stack, '/').href);
        await signIn(page, alice);
        await page.waitForURL(pageOn(stack, '/').href);
        return { profile, page };
      }),
    );
    if (here === undefined || there === undefined) throw new Error('no windows');
    const refused = await here.page.goto(pageOn(stack, '/', { host: stack.hosts.admin }).href);
    const reference = (await refused?.headerValue('sallyport-request-id')) ?? '';
    const text = async () => (await here.page.locator('body').textContent()) ?? '';
    // Records are on their way for a moment.
    await expect
      .poll(
        async () => {
          await here.page.goto(me);
          return text();
        },
        { timeout: 30_000 },
      )
      .toContain(reference);
    expect(await text()).toContain('not in a group');
    // Not on the application's host, whose scripts could read it.
    const shown = here.page.url();
    expect(new URL(shown).host).not.toBe(new URL(me).host);
    await here.page.screenshot({ path: await screenshotFile('10-me'), fullPage: true });
    await here.page.setViewportSize({ width: 390, height: 760 });
    await here.page.emulateMedia({ colorScheme: 'dark' });
    await here.page.screenshot({ path: await screenshotFile('11-me-dark'), fullPage: true });

    await here.page.getByRole('button', { name: 'End all other sessions' }).click();
    await expect.poll(() => here.page.getByRole('button', { name: /^End/ }).count()).toBe(0);
    expect(here.page.url()).toBe(shown);
    // It is sent to sign in, and comes back at once: the provider still knows this browser.
    const first = there.page.waitForResponse(pageOn(stack, '/').href);
    await there.page.goto(pageOn(stack, '/').href);
    expect((await first).status()).toBe(302);
    await Promise.all([here.profile.close(), there.profile.close()]);
  });
});
