import { describe, expect, it } from 'vitest';
import type { ConfigurationDocument, RouteDocument, SettingsDocument } from './documents.ts';
import { checkSet } from './set.ts';
import { documentProblems } from './validate.ts';

type Spec = Pick<RouteDocument['spec'], 'headers' | 'cors' | 'headerLimits' | 'cookies'>;
type Limits = SettingsDocument['spec']['headerLimits'];
type Headers = NonNullable<Spec['headers']>;

const apiVersion = 'sallyport.dev/v1' as const;
const routeWith = (spec: Spec): RouteDocument => ({
  apiVersion,
  kind: 'Route',
  metadata: { name: 'wiki' },
  spec: {
    match: [{ host: 'wiki.corp.example' }],
    policies: ['employees'],
    upstream: { url: 'https://wiki.internal.example' },
    ...spec,
  },
});
const settings = (headerLimits?: Limits): ConfigurationDocument => ({
  apiVersion,
  kind: 'Settings',
  metadata: { name: 'default' },
  spec: {
    signIn: { host: 'signin.corp.example', identityProvider: 'idp' },
    ...(headerLimits === undefined ? {} : { headerLimits }),
  },
});
const others: readonly ConfigurationDocument[] = [
  {
    apiVersion,
    kind: 'IdentityProvider',
    metadata: { name: 'idp' },
    spec: { issuer: 'https://idp.example', clientId: 'sallyport', clientSecret: 'idp-secret' },
  },
  {
    apiVersion,
    kind: 'Policy',
    metadata: { name: 'employees' },
    spec: { allow: [{ name: 'all', groups: ['employees'] }] },
  },
];
const found = (spec: Spec, limits?: Limits): string[] =>
  checkSet([settings(limits), ...others, routeWith(spec)]).map(
    ({ field, message }) => `${field.replace('Route/wiki /spec', '')}: ${message}`,
  );
const problems = (headers: Headers): string[] =>
  found({ headers }).map((line) => line.replace('/headers', ''));
const set = (name: string, value = 'x'): NonNullable<Headers['request']> => ({
  set: [{ name, value }],
});

describe('header lines of a route', () => {
  it('may be the application’s own', () => {
    expect(
      problems({
        request: { set: [{ name: 'X-Site', value: 'eu' }], remove: ['Authorization', 'Accept'] },
        response: {
          set: [{ name: 'Strict-Transport-Security', value: 'max-age=31536000' }],
          remove: ['Server', 'X-Powered-By', 'Set-Cookie'],
        },
      }),
    ).toEqual([]);
  });

  it.each([
    'Sallyport-Assertion',
    'sallyport-anything',
    'X-Forwarded-For',
    'X-Forwarded-User',
    'Forwarded',
    'Remote-User',
    'SM-USER',
    'X-Real-IP',
    'Client-Cert',
    'X-SSL-Client-Verify',
    'X-HTTP-Method-Override',
    'X-Original-URL',
    'Proxy',
    'Connection',
    'Transfer-Encoding',
    'TE',
    'Trailer',
    'Upgrade',
    'Keep-Alive',
    'Proxy-Authorization',
    'Host',
    'Content-Length',
    'Content-Encoding',
    'Expect',
    'Sec-WebSocket-Key',
  ])('are never those of the edge, nor of the message: %s', (name) => {
    const said = expect.stringContaining('must not be') as string;
    expect(problems({ request: set(name), response: set(name) })).toEqual([said, said]);
    expect(problems({ request: { remove: [name] }, response: { remove: [name] } })).toEqual([
      said,
      said,
    ]);
  });

  it('say nothing that would stand in a document as a secret, or for everybody', () => {
    const lines = [
      ...problems({ request: set('Authorization', 'Basic eDp5') }),
      ...problems({ request: set('Cookie') }),
      ...problems({ request: { remove: ['cookie'] } }),
      ...problems({ request: set('traceparent') }),
      ...problems({ response: set('Set-Cookie', '__Host-sallyport=x') }),
      ...problems({ response: set('Alt-Svc') }),
    ];
    expect(lines.map((line) => line.slice(0, line.indexOf(':')))).toEqual([
      '/request/set/0/name',
      '/request/set/0/name',
      '/request/remove/0',
      '/request/set/0/name',
      '/response/set/0/name',
      '/response/set/0/name',
    ]);
  });

  it('are named once, whatever the spelling', () => {
    const twice = { set: [{ name: 'X-Site', value: 'eu' }], remove: ['x-site'] };
    expect(problems({ request: twice })).toEqual([
      '/request/remove/0: x-site stands in the lists twice',
    ]);
  });

  it.each([
    ['a line end', { name: 'X', value: 'a\r\nSet-Cookie: b' }],
    ['a control', { name: 'X', value: 'a\u0000b' }],
    ['space at its end', { name: 'X', value: 'a ' }],
    ['what is not ASCII', { name: 'X', value: 'ä' }],
    ['nothing', { name: 'X', value: '' }],
    ['an underscore in the name', { name: 'X_Site', value: 'a' }],
    ['a colon in the name', { name: 'X:', value: 'a' }],
    ['no name', { name: '', value: 'a' }],
  ])('are refused with %s', (_what, line) => {
    expect(documentProblems(routeWith({ headers: { response: { set: [line] } } }))).not.toEqual([]);
  });
});

describe('other origins of a route', () => {
  it('may be named, or all be let in without credentials', () => {
    const allowOrigins = ['https://portal.corp.example', 'http://localhost:3000'];
    const cors = { allowOrigins, allowCredentials: true, maxAge: '24h' };
    expect(found({ cors })).toEqual([]);
    expect(found({ cors: { allowOrigins: ['*'] } })).toEqual([]);
  });

  it('are never all of them with credentials, nor any that is no origin', () => {
    const star = (allowOrigins: string[], allowCredentials: boolean) =>
      found({ cors: { allowOrigins, allowCredentials } });
    expect(star(['*'], true)).toEqual([
      expect.stringMatching(/^\/cors\/allowOrigins\/0: must not be \*/),
    ]);
    expect(star(['https://a.example', '*'], false)).toEqual([
      expect.stringMatching(/^\/cors\/allowOrigins\/1: must stand alone/),
    ]);
    for (const origin of [
      'null',
      'https://a.example/',
      'https://A.example',
      'https://a.example:443',
      'https://*.a.example',
      'a.example',
    ]) {
      const document = routeWith({ cors: { allowOrigins: [origin] } });
      const wrong = [...documentProblems(document), ...checkSet([settings(), ...others, document])];
      expect([origin, wrong.length]).toEqual([origin, 1]);
    }
  });

  it('are spoken of in one place', () => {
    const line = { name: 'Access-Control-Allow-Origin', value: '*' };
    const cors = { allowOrigins: ['https://a.example'] };
    expect(found({ headers: { response: { set: [line] } } })).toEqual([
      '/headers/response/set/0/name: is said by the field cors',
    ]);
    const remove = ['access-control-allow-origin'];
    expect(found({ headers: { response: { remove } } })).toEqual([]);
    expect(found({ headers: { response: { remove } }, cors }).length).toBe(1);
  });

  it('are not remembered for more than a day', () => {
    const cors = { allowOrigins: ['https://a.example'], maxAge: '25h' };
    expect(found({ cors })).toEqual(['/cors/maxAge: must be 24h at the most']);
  });
});

describe('limits of headers', () => {
  it('are those of the settings, and a route’s own below them', () => {
    expect(found({ headerLimits: { bytesMax: 16_384, cookieBytesMax: 8_192 } })).toEqual([]);
    const wide = { bytesMax: 32_768, cookieBytesMax: 32_768 };
    expect(found({ headerLimits: wide }, wide)).toEqual([]);
    expect(found({ headerLimits: wide })).toEqual([
      '/headerLimits/bytesMax: is more than 16384, which the settings let through',
      '/headerLimits/cookieBytesMax: is more than 8192, which the settings let through',
    ]);
  });

  it('say nothing without effect', () => {
    expect(found({ headerLimits: { audit: true } }).length).toBe(1);
    expect(found({ headerLimits: { audit: true, bytesMax: 8_192 } })).toEqual([]);
    expect(found({}, { cookieBytesMax: 16_385 })).toEqual([
      'Settings/default /spec/headerLimits/cookieBytesMax: is more than all headers may have, 16384',
    ]);
  });

  it('are never above what an edge reads', () => {
    expect(documentProblems(settings({ bytesMax: 65_536 }))).toEqual([]);
    expect(documentProblems(settings({ bytesMax: 65_537 })).length).toBe(1);
    expect(documentProblems(settings({ bytesMax: 1_000 })).length).toBe(1);
  });
});

describe('cookies that an application is not to see', () => {
  it('are named whole, or by their beginning', () => {
    const remove = ['SMSESSION', '_oauth2_proxy*', '__Host-old', "!#$%&'+.^_`|~"];
    expect(found({ cookies: { removeLegacy: true, remove } })).toEqual([]);
    for (const name of ['a b', 'a=', 'a;b', '*', 'a*b', '']) {
      expect([name, documentProblems(routeWith({ cookies: { remove: [name] } })).length]).toEqual([
        name,
        1,
      ]);
    }
  });

  it('are not the edge’s own, which go out in any case', () => {
    const remove = [
      '__Host-sallyport',
      '__host-sallyport-signin-x',
      '__Host-sallyport*',
      '__Host-*',
    ];
    expect(found({ cookies: { remove } }).map((line) => line.split(':')[0])).toEqual([
      '/cookies/remove/0',
      '/cookies/remove/1',
      '/cookies/remove/2',
    ]);
  });
});
