import { describe, expect, it } from 'vitest';
import type { ConfigurationDocument, RouteDocument } from './documents.ts';
import { checkSet } from './set.ts';
import { documentProblems } from './validate.ts';

type Headers = NonNullable<RouteDocument['spec']['headers']>;

const apiVersion = 'sallyport.dev/v1' as const;
const routeWith = (headers: Headers): RouteDocument => ({
  apiVersion,
  kind: 'Route',
  metadata: { name: 'wiki' },
  spec: {
    match: [{ host: 'wiki.corp.example' }],
    policies: ['employees'],
    upstream: { url: 'https://wiki.internal.example' },
    headers,
  },
});
const others: readonly ConfigurationDocument[] = [
  {
    apiVersion,
    kind: 'Settings',
    metadata: { name: 'default' },
    spec: { signIn: { host: 'signin.corp.example', identityProvider: 'idp' } },
  },
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
const problems = (headers: Headers): string[] =>
  checkSet([...others, routeWith(headers)]).map(
    ({ field, message }) => `${field.replace('Route/wiki /spec/headers', '')}: ${message}`,
  );
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
    const found = [
      ...problems({ request: set('Authorization', 'Basic eDp5') }),
      ...problems({ request: set('Cookie') }),
      ...problems({ request: { remove: ['cookie'] } }),
      ...problems({ request: set('traceparent') }),
      ...problems({ response: set('Set-Cookie', '__Host-sallyport=x') }),
      ...problems({ response: set('Alt-Svc') }),
    ];
    expect(found.map((line) => line.slice(0, line.indexOf(':')))).toEqual([
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
    expect(documentProblems(routeWith({ response: { set: [line] } }))).not.toEqual([]);
  });
});
