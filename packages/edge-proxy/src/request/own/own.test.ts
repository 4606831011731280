import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, signIn } from '../testing/browser.ts';
import { callOver, protocols } from '../testing/client-h2.ts';
import { signInHost } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

describe.each(protocols)('signing out over %s', (protocol) => {
  const call = callOver[protocol];

  it('asks on GET and ends the session on POST', async () => {
    const browser = new Browser(edge);
    await signIn(browser);
    const path = '/.well-known/sallyport/sign-out';
    const asked = await browser.get('app.corp.test', path);
    expect(asked.body).toContain(`<form method="post" action="${path}">`);
    const ended = edge.control.ended.length;
    const done = await browser.get('app.corp.test', path, {
      method: 'POST',
      headers: [`Origin: https://app.corp.test:${edge.port}`, 'Sec-Fetch-Site: same-origin'],
      body: '',
    });
    expect([done.status, edge.control.ended.length]).toEqual([200, ended + 1]);
    expect(browser.cookies('app.corp.test').has('__Host-sallyport')).toBe(false);
  });

  it('is not done for another site', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    const ended = edge.control.ended.length;
    for (const headers of [['Origin: https://evil.test'], ['Sec-Fetch-Site: cross-site']]) {
      const path = '/.well-known/sallyport/sign-out';
      const response = await call(edge, { path, cookie, method: 'POST', headers, body: '' });
      expect([response.status, response.all('set-cookie')]).toEqual([403, []]);
    }
    expect(edge.control.ended.length).toBe(ended);
  });

  it('says so where only this host could be told', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    edge.control.reachable = false;
    const path = '/.well-known/sallyport/sign-out';
    const response = await call(edge, { path, cookie, method: 'POST', body: '' });
    edge.control.reachable = true;
    expect([response.status, response.all('set-cookie').length]).toEqual([503, 1]);
  });
});

describe.each(protocols)('our own addresses over %s', (protocol) => {
  const call = callOver[protocol];

  it('publish the assertion keys on every protected host', async () => {
    for (const host of ['app.corp.test', 'pub.corp.test', 'reports.fin.test', signInHost]) {
      const response = await call(edge, {
        host,
        path: '/.well-known/sallyport/jwks.json',
        device: null,
      });
      expect(response.header('cache-control')).toBe('public, max-age=60');
      expect(JSON.parse(response.body)).toMatchObject({ keys: [{ kid: 'own', kty: 'EC' }] });
      expect(response.body).not.toContain('"d"');
    }
  });

  it('are exact, and nothing beside them reaches an upstream (rows 64, 125)', async () => {
    edge.upstream.forget();
    const own = '/.well-known/sallyport/';
    for (const path of [
      '',
      'x',
      'sign-in',
      'callback/corp',
      'callback/',
      'jwks.json/',
      'hand-overs',
    ]) {
      const response = await call(edge, { host: 'pub.corp.test', path: own + path });
      expect([path, response.status]).toEqual([path, 404]);
    }
    for (const path of ['metrics', 'healthz', 'debug/pprof', 'readyz']) {
      const response = await call(edge, { host: signInHost, path: `/${path}` });
      expect([path, response.status]).toEqual([path, 404]);
    }
    expect(edge.upstream.bytes).toBe('');
  });

  it('take only their own methods', async () => {
    for (const [path, allow] of [
      ['jwks.json', 'GET'],
      ['hand-over', 'GET'],
      ['sign-out', 'GET, POST'],
    ]) {
      const response = await call(edge, {
        path: `/.well-known/sallyport/${path}`,
        method: 'DELETE',
      });
      expect([response.status, response.header('allow')]).toEqual([405, allow]);
    }
  });
});
