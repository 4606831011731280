import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import type {
  ConfigurationDocument,
  RouteDocument,
} from '@sallyport/shared/configuration/documents';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { type Answer, Browser, type Stack, startStack } from '@sallyport/stack';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { html, json, openAdmin, pageOn, userOf } from '../support/cast.ts';
import { until } from '../support/until.ts';
import { chromiumIsThere, openChromium, screenshotFile } from './support/chromium.ts';

/** An edge that is cut off, by budgets short enough to be lived through. */

const staleness = {
  revoke: { stepUpAfter: '3s', denyNewSessionsAfter: '6s', denyAfter: '9s' },
} as const;
const open = 'open.corp.localhost';
const restartMsMax = 60_000;

let stack: Stack;
let browser: Browser;
let profile: BrowserContext | null = null;
const toClose: (() => Promise<void>)[] = [];

/** Gives the wiki these budgets, and adds a host that is open to all with the same. */
async function shortenBudgets(): Promise<number> {
  const api = await openAdmin(stack.description);
  try {
    const { documents } = await api.get<{ documents: ConfigurationDocument[] }>('/v1/config');
    const wiki = documents.find((one) => one.kind === 'Route' && one.metadata.name === 'wiki');
    if (wiki?.kind !== 'Route') throw new Error('the stack has no wiki');
    const short: RouteDocument = { ...wiki, spec: { ...wiki.spec, staleness } };
    const forAll: RouteDocument = {
      ...short,
      metadata: { name: 'open' },
      spec: { ...short.spec, match: [{ host: open }], policies: ['open'] },
    };
    const policy: ConfigurationDocument = {
      apiVersion: wiki.apiVersion,
      kind: 'Policy',
      metadata: { name: 'open' },
      spec: { allow: [{ name: 'anyone', anonymous: true }] },
    };
    const applied = await api.post<{ version: number }>('/v1/config:apply', {
      documents: [short, forAll, policy],
    });
    return applied.body.version;
  } finally {
    await api.close();
  }
}

beforeAll(async () => {
  stack = await startStack({ edges: 1 });
  toClose.unshift(() => stack.stop());
  await shortenBudgets();
  const alice = userOf(stack.description, 'alice');
  browser = await Browser.open(stack.description, alice.device);
  toClose.unshift(() => browser.close());
  await until('the new host is served', async () => {
    const { status } = await browser.ask(onOpen(), { headers: json });
    return status === 200;
  });
  expect((await browser.signIn(onWiki(), alice)).status).toBe(200);
  if (!chromiumIsThere) return;
  const window = await openChromium(stack.description);
  toClose.unshift(() => window.close());
  profile = await window.profile(alice.device);
  const page = await profile.newPage();
  await page.goto(onWiki().href);
  await page.getByLabel('E-mail').fill(alice.email);
  await page.getByLabel('Password').fill(alice.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(onWiki().href);
});
afterAll(async () => {
  for (const close of toClose) await close();
});

const onWiki = (path = '/') => pageOn(stack.description, path);
const onOpen = (path = '/headers') => pageOn(stack.description, path, { host: open });
const askScript = (url: URL) => browser.ask(url, { headers: json });

/** What stands for an answer: its status and, where it is ours, its code. */
function kindOf({ status, headers, text }: Answer): string {
  if (String(headers['content-type']).includes('problem+json')) {
    return `${status} ${(JSON.parse(text) as { code: string }).code}`;
  }
  const [, code] = /<dd id="reason">(\w+)<\/dd>/.exec(text) ?? [];
  return code === undefined ? String(status) : `${status} ${code}`;
}

/** Asks until the answer is the last one; gives every kind of answer there was, in order. */
async function answersUntil(
  last: string,
  url: URL,
  headers: Readonly<Record<string, string>> = json,
): Promise<readonly string[]> {
  const seen: string[] = [];
  await until(`${url.href} answers ${last}`, async () => {
    const kind = kindOf(await browser.ask(url, { headers }));
    if (seen.at(-1) !== kind) seen.push(kind);
    return kind === last;
  });
  return seen;
}

/** A WebSocket that is open; `closed` gives code and reason. */
async function openWebSocket(url: URL) {
  const socket = browser.webSocket(url);
  const closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => resolve([code, reason.toString()]));
  });
  await once(socket, 'open');
  return { closed };
}

/** A download that has begun; `broken` resolves when it is cut, and does not for its whole. */
async function download(url: URL) {
  const request = get(url, { ca: await readFile(stack.description.ca), lookup: localhostLookup });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  const broken = new Promise<number>((resolve) => {
    response.on('error', () => resolve(performance.now()));
  });
  response.resume();
  return { broken };
}

describe('an edge whose control plane is gone', () => {
  it('gives less and less, and all of it again when the control plane is back', async () => {
    const socket = await openWebSocket(onWiki('/ws'));
    const forAll = await download(onOpen('/stream?seconds=600'));
    await stack.end('control-plane-1');
    const goneAt = performance.now();

    const [script, person, anybody] = await Promise.all([
      answersUntil('503 state_too_old', onWiki()),
      answersUntil('503 state_too_old', onWiki(), html),
      answersUntil('503 state_too_old', onOpen()),
    ]);
    // Who is signed in is asked to confirm, which needs the control plane, and is let in no more.
    expect(script).toEqual(['200', '401 state_stale', '503 state_too_old']);
    expect(person).toEqual(['200', '503 sign_in_unavailable', '503 state_too_old']);
    expect(anybody).toEqual(['200', '503 state_too_old']);
    // What is under way ends at the same thresholds: one to be confirmed, and one for all.
    expect(await socket.closed).toEqual([1008, 'access was withdrawn']);
    expect((await forAll.broken) - goneAt).toBeGreaterThan(6_000);

    expect((await askScript(onWiki())).headers['retry-after']).toBe('30');
    if (profile !== null) await look(profile);

    await stack.restart('control-plane-1');
    // The same edge process, the same session, no sign-in.
    await until('the wiki is back', async () => (await askScript(onWiki())).status === 200, {
      msMax: restartMsMax,
    });
    expect((await askScript(onOpen())).status).toBe(200);
    expect((await browser.signIn(onWiki(), userOf(stack.description, 'alice'))).via).toEqual([]);
  }, 120_000);
});

/** The page as a person sees it. */
async function look(context: BrowserContext): Promise<void> {
  const page = await context.newPage();
  const answer = await page.goto(onWiki().href);
  expect(answer?.status()).toBe(503);
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Closed for the moment');
  expect(await page.getByRole('link', { name: 'Try again' }).count()).toBe(1);
  await page.screenshot({ path: await screenshotFile('10-too-old'), fullPage: true });
  await page.close();
}
