import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CookieRules } from '../state/current.ts';
import { cookiesForUpstream, readCookieHeader } from './cookies.ts';
import { call } from './testing/client.ts';
import { TestEdge } from './testing/edge.ts';

describe('the cookies for an upstream', () => {
  const rules: CookieRules = {
    legacy: true,
    names: new Set(['old', '__Host-old']),
    beginnings: ['state_'],
  };
  it.each([
    ['a=1; old=2; b=3', 'a=1; b=3'],
    ['old=1', null],
    ['old=1; a=2', 'a=2'],
    ['old ="x"; \told\t=1;a=2', 'a=2'],
    ['old', null],
    ['OLD=1; olds=2; xold=3; a=old; __Host-old=4', 'OLD=1; olds=2; xold=3; a=old'],
    ['state_=1; state_x=2; xstate_=3', 'xstate_=3'],
    ['_oauth2_proxy=1; _oauth2_proxy_0=2; _oauth2_proxys=3', '_oauth2_proxys=3'],
    ['__Secure-SMSESSION=1; a="b c";  z= 1;\ty;é=ü', 'a="b c";  z= 1;\ty;é=ü'],
    ['__Host-sallyport=s; old=1; a=2', 'a=2'],
    ['__proto__=1; constructor=2', '__proto__=1; constructor=2'],
    [';;=; a', ';;=; a'],
  ])('are those that its route lets it see: %j', (sent, left) => {
    expect(cookiesForUpstream(readCookieHeader(sent), rules)).toBe(left);
  });

  it('are all but ours without a rule', () => {
    const sent = readCookieHeader('old=1; __Host-sallyport=s; SMSESSION=2');
    expect(cookiesForUpstream(sent, null)).toBe('old=1; SMSESSION=2');
    expect(cookiesForUpstream(null, rules)).toBeNull();
  });
});

describe('a route that is migrated', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await TestEdge.start();
    const route: ConfigurationDocument = {
      apiVersion: 'sallyport.dev/v1',
      kind: 'Route',
      metadata: { name: 'migrated' },
      spec: {
        match: [{ host: 'migrated.fin.test' }],
        policies: ['open'],
        upstream: {
          url: `https://upstream.corp.localhost:${edge.upstream.port}`,
          trustBundle: 'upstreams',
        },
        cookies: { removeLegacy: true, remove: ['old*'] },
      },
    };
    await edge.configure(route);
  });
  afterAll(() => edge.stop());
  beforeEach(() => edge.settle());

  it('gets no cookies of the proxy before us, which records still know of', async () => {
    const cookie = 'theme=dark; _oauth2_proxy_0=secret; old_1=x; SMSESSION=secret; lang=de';
    expect((await call(edge, { host: 'migrated.fin.test', cookie })).status).toBe(200);
    expect(edge.upstream.bytes).toContain('\r\ncookie: theme=dark; lang=de\r\n');
    expect(edge.upstream.bytes).not.toMatch(/secret|old_1/);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]?.legacy).toEqual(['cookie:_oauth2_proxy', 'cookie:SMSESSION']);
  });

  it('says nothing of other routes', async () => {
    await call(edge, { host: 'pub.corp.test', cookie: '_oauth2_proxy=1; old=2' });
    expect(edge.upstream.bytes).toContain('\r\ncookie: _oauth2_proxy=1; old=2\r\n');
  });
});
