import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';

const host = 'signin.corp.test';
const path = '/.well-known/sallyport/me';
const sid = `ses_${'7'.repeat(26)}`;
const html = 'Accept: text/html';
let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
});
afterAll(() => edge.stop());

describe("a person's own page", () => {
  it('shows sessions, devices, places and refusals in words, without a script', async () => {
    const { status, body, header } = await call(edge, { host, path, cookie, headers: [html] });
    expect(status).toBe(200);
    expect(header('cache-control')).toBe('no-store');
    for (const text of [
      'alice@corp.test',
      'Alice&#39;s laptop',
      'this one',
      'Hamburg</bdi>, <bdi>Germany',
      'Firefox 140',
      'Signed in',
      `action="${path}?end=others"`,
      `action="${path}?end=${sid}"`,
      'group_missing',
    ]) {
      expect(body).toContain(text);
    }
    expect(body).not.toContain('<script');
  });

  it('is out of reach of the scripts of an application, whose host sends there', async () => {
    const app = 'app.corp.test';
    const own = await edge.session('usr_alice', 'dev_laptop', app);
    const before = edge.control.endedOwn.length;
    const shown = await call(edge, { host: app, path, cookie: own, headers: [html] });
    const ended = await call(edge, {
      host: app,
      path: `${path}?end=others`,
      cookie: own,
      method: 'POST',
      headers: ['Sec-Fetch-Site: same-origin', `Origin: https://${app}:${edge.port}`],
      body: '',
    });
    const there = `https://${host}:${edge.port}${path}`;
    expect([shown, ended].map((one) => [one.status, one.header('location'), one.body])).toEqual([
      [302, there, ''],
      [302, there, ''],
    ]);
    expect(edge.control.endedOwn.length).toBe(before);
  });

  it('is JSON for programs', async () => {
    const { body, header } = await call(edge, { host, path, cookie, headers: ['Accept: */*'] });
    expect([header('content-type'), header('cache-control')]).toEqual([
      'application/json',
      'no-store',
    ]);
    expect(JSON.parse(body)).toEqual(edge.control.self);
  });

  it('repeats nothing of what clients sent but as text', async () => {
    const hostile = `"><img src=x onerror=alert(1)>\u202e${'x'.repeat(400)}`;
    const { self } = edge.control;
    edge.control.self = {
      ...self,
      name: hostile,
      sessions: self.sessions.map((one) => ({
        ...one,
        userAgent: hostile,
        sourceAddress: hostile,
      })),
      denials: self.denials.map((one) => ({ ...one, path: hostile, reasons: [hostile] })),
      places: [
        { country: hostile, region: hostile, egress: hostile, deviceId: hostile, lastSeenAtMs: 1 },
      ],
    };
    const { body } = await call(edge, { host, path, cookie, headers: [html] });
    edge.control.self = self;
    expect(body).not.toContain('<img');
    // Nor may it turn round what stands beside it, or fill the page.
    expect(body).not.toContain('\u202e');
    expect(body).not.toContain('x'.repeat(200));
  });

  it('sends a browser without a session to sign in, and tells a program', async () => {
    const browser = await call(edge, { host, path, headers: [html] });
    expect([browser.status, browser.header('location')]).toEqual([
      302,
      expect.stringContaining('/.well-known/sallyport/sign-in?'),
    ]);
    const next = new URL(browser.header('location') ?? '');
    const begun = await call(edge, { host, path: next.pathname + next.search, headers: [html] });
    expect([begun.status, begun.header('location')]).toEqual([
      302,
      expect.stringContaining('https://idp.corp.test/authorize'),
    ]);
    const program = await call(edge, { host, path, headers: ['Accept: application/json'] });
    expect(program.status).toBe(401);
    expect(program.header('www-authenticate')).toContain('Bearer realm=');
    expect(JSON.parse(program.body)).toMatchObject({ code: 'me_sign_in' });
  });

  it('sends nobody round in a circle while this edge has not heard of a new user', async () => {
    const fresh = { authenticatedAtMs: Date.now() };
    const ask = async (more: object, device = 'dev_laptop') => {
      const own = await edge.session('usr_unheard', device, host, more);
      const { status, body } = await call(edge, { host, path, cookie: own, headers: [html] });
      return [status, body.includes('sign_in_no_effect')];
    };
    expect(await ask(fresh)).toEqual([403, true]);
    // Where another sign-in may help: long after the last, and for another device.
    expect(await ask({ authenticatedAtMs: Date.now() - 60_000 })).toEqual([302, false]);
    expect(await ask(fresh, 'dev_other')).toEqual([302, false]);
  });

  it('is nothing for the cookie of another device', async () => {
    const { status } = await call(edge, {
      host,
      path,
      cookie,
      device: edge.other,
      headers: ['Accept: */*'],
    });
    expect(status).toBe(401);
  });

  it('ends one session, or all others, and comes back to itself', async () => {
    for (const [end, sids] of [
      [sid, [sid]],
      ['others', []],
    ] as const) {
      const headers = [html, 'Sec-Fetch-Site: same-origin'];
      const target = `${path}?end=${end}`;
      const done = await call(edge, {
        host,
        path: target,
        cookie,
        method: 'POST',
        headers,
        body: '',
      });
      expect([done.status, done.header('location')]).toEqual([302, path]);
      expect(edge.control.endedOwn.at(-1)?.sids).toEqual(sids);
    }
  });

  it('ends nothing for another site, nor by names that are none', async () => {
    const before = edge.control.endedOwn.length;
    const post = (query: string, headers: readonly string[]) =>
      call(edge, {
        host,
        path: `${path}${query}`,
        cookie,
        method: 'POST',
        headers: [...headers],
        body: '',
      });
    for (const from of ['Origin: https://evil.test', 'Sec-Fetch-Site: cross-site']) {
      expect((await post('?end=others', [from])).status).toBe(403);
    }
    for (const query of ['', '?end=', '?end=all', `?end=${sid}&end=others`, '?end=ses_%00']) {
      expect([query, (await post(query, [])).status]).toEqual([query, 400]);
    }
    expect(edge.control.endedOwn.length).toBe(before);
  });

  it('says so when the control plane cannot be asked', async () => {
    edge.control.reachable = false;
    const shown = await call(edge, { host, path, cookie, headers: [html] });
    const ended = await call(edge, {
      host,
      path: `${path}?end=others`,
      cookie,
      method: 'POST',
      body: '',
    });
    edge.control.reachable = true;
    expect([shown.status, ended.status]).toEqual([503, 503]);
    expect(shown.body).toContain('me_unavailable');
  });
});
