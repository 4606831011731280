import { compile } from '@sallyport/policy';
import { describe, expect, it } from 'vitest';
import type { Egress } from '../network/egress.ts';
import { forge, forgeAuthority } from '../pki/forge.ts';
import type {
  ConfigurationDocument,
  PolicyDocument,
  RouteDocument,
  SettingsDocument,
} from './documents.ts';
import { checkSet, toPolicySet } from './set.ts';

const apiVersion = 'sallyport.dev/v1' as const;

const settings = (spec: Partial<SettingsDocument['spec']> = {}): ConfigurationDocument => ({
  apiVersion,
  kind: 'Settings',
  metadata: { name: 'default' },
  spec: { signIn: { host: 'signin.corp.example', identityProvider: 'idp' }, ...spec },
});
const provider = (issuer = 'https://idp.example'): ConfigurationDocument => ({
  apiVersion,
  kind: 'IdentityProvider',
  metadata: { name: 'idp' },
  spec: { issuer, clientId: 'sallyport', clientSecret: 'idp-secret' },
});
const policy: PolicyDocument = {
  apiVersion,
  kind: 'Policy',
  metadata: { name: 'employees' },
  spec: { allow: [{ name: 'all', groups: ['employees'] }] },
};
const route = (
  upstream: RouteDocument['spec']['upstream'] = { url: 'https://wiki.internal.example' },
  spec: Partial<RouteDocument['spec']> = {},
): ConfigurationDocument => ({
  apiVersion,
  kind: 'Route',
  metadata: { name: 'wiki' },
  spec: { match: [{ host: 'wiki.corp.example' }], policies: ['employees'], upstream, ...spec },
});
/** A service with a device for each letter. */
const service = (name: string, ...letters: string[]): ConfigurationDocument => ({
  apiVersion,
  kind: 'ServiceIdentity',
  metadata: { name },
  spec: { devices: letters.map((letter) => `dev_${letter.repeat(26)}`) },
});
const bundle = (certificates: string, name = 'corp'): ConfigurationDocument => ({
  apiVersion,
  kind: 'TrustBundle',
  metadata: { name },
  spec: { use: ['device'], certificates },
});

const lines = (...documents: ConfigurationDocument[]): string[] =>
  checkSet(documents).map(({ field, message }) => `${field}: ${message}`);
const upstreamProblems = (url: string, internal: string[] = []): string[] =>
  lines(settings({ network: { internal } }), provider(), policy, route({ url, plainHttp: true }));

describe('a configuration set', () => {
  it('is sound when everything it names is there', () => {
    const documents = [settings(), provider(), policy, route()];
    expect(lines(...documents)).toEqual([]);
    expect(compile(toPolicySet(7, documents)).version).toBe(7);
  });

  it('becomes a policy set with every default written out', () => {
    const documents = [settings({ policies: ['employees'] }), provider(), policy, route()];
    expect(toPolicySet(3, documents)).toEqual({
      version: 3,
      routes: [
        {
          name: 'wiki',
          matches: [{ host: 'wiki.corp.example', path: '/**', methods: null }],
          policies: ['employees'],
        },
      ],
      policies: [
        {
          name: 'employees',
          allow: [{ name: 'all', groups: ['employees'] }],
          deny: [],
          stepUp: [],
        },
      ],
      globalPolicies: ['employees'],
    });
  });

  it('names everything that is not there, all at once', () => {
    const found = lines(
      settings({ signIn: { host: 'signin.corp.example', identityProvider: 'none' } }),
      route({ url: 'https://wiki.example', trustBundle: 'none' }, { policies: ['none'] }),
    );
    expect(found).toEqual([
      'Settings/default /spec/signIn/identityProvider: there is no IdentityProvider named none',
      'Route/wiki /spec/upstream/trustBundle: there is no TrustBundle named none',
      'Route/wiki /spec/policies/0: there is no policy named none',
    ]);
  });

  it('has settings, once, named default', () => {
    expect(lines()).toEqual(['Settings/default: is missing; every set needs it']);
    const other = { ...settings(), metadata: { name: 'other' } };
    expect(lines(settings(), provider(), other)).toEqual([
      'Settings/other /metadata/name: must be default',
    ]);
  });

  it('has no two documents of one kind and name', () => {
    expect(lines(settings(), provider(), policy, route(), route())).toEqual([
      'Route/wiki: is in the set twice',
    ]);
  });

  it('says what the policy core says, by document and field', () => {
    const found = lines(
      settings({ policies: ['missing'] }),
      provider(),
      {
        ...policy,
        spec: { allow: [{ name: 'blank' }], deny: [{ name: 'x', sourceNetworks: ['10/8'] }] },
      },
      route(undefined, { match: [{ host: 'wiki.corp.example', path: '/a/../b' }] }),
    );
    expect(found.map((line) => line.split(':')[0])).toEqual(
      expect.arrayContaining([
        'Policy/employees /spec/allow/0',
        'Policy/employees /spec/deny/0/sourceNetworks/0',
        'Settings/default /spec/policies/0',
        'Route/wiki /spec/match/0/path',
      ]),
    );
  });

  it('says of each field once, and of a place no hash, what stands in records', () => {
    const redact = [
      { field: 'path', as: 'hash' },
      { field: 'path', as: 'remove' },
      { field: 'place', as: 'hash' },
    ] as const;
    const records = { redact: [...redact] };
    const told = [
      '/spec/records/redact/1/field: path stands in the list twice',
      '/spec/records/redact/2/as: a place has no hash',
    ];
    const documents = [settings({ records }), provider(), policy, route(undefined, { records })];
    expect(lines(...documents)).toEqual([
      ...told.map((line) => `Settings/default ${line}`),
      ...told.map((line) => `Route/wiki ${line}`),
    ]);
  });

  it('holds rate limits to one name each, and to paces that an edge can keep', () => {
    const rateLimits: RouteDocument['spec']['rateLimits'] = [
      { name: 'a', per: 'user', requests: 10, window: '1d', burst: 10 },
      { name: 'a', per: 'address', requests: 1, window: '25h' },
      { name: 'b', per: 'device', requests: 2, window: '12h', burst: 5 },
      { name: 'c', per: 'route', requests: 1_000_000, window: '1s' },
    ];
    const rateLimit = { requests: 1, window: '1m', burst: 1_441 };
    const signIn = { host: 'signin.corp.example', identityProvider: 'idp', rateLimit };
    const tooMuch = 'must come back within a day at the pace of requests and window';
    const told = [
      '/spec/rateLimits/1/name: a stands in the list twice',
      '/spec/rateLimits/1/window: must be a day at the most',
      `/spec/rateLimits/2/burst: ${tooMuch}`,
    ];
    const documents = [
      settings({ signIn, rateLimits }),
      provider(),
      policy,
      route(undefined, { rateLimits }),
    ];
    expect(lines(...documents)).toEqual([
      `Settings/default /spec/signIn/rateLimit/burst: ${tooMuch}`,
      ...told.map((line) => `Settings/default ${line}`),
      ...told.map((line) => `Route/wiki ${line}`),
    ]);
  });

  it('holds front proxies that ask for verdicts to names and certificates of their own', () => {
    const asker = (name: string, ...certificates: string[]) => ({
      name,
      certificates,
      dialect: 'nginx' as const,
      hosts: ['*.corp.example', 'wiki.example'],
    });
    const [one, two] = ['0'.repeat(64), '1'.repeat(64)];
    const good = { proxies: [asker('a', one), asker('b', two)] };
    expect(lines(settings({ forwardAuth: good }), provider(), policy, route())).toEqual([]);
    const bad = { proxies: [asker('a', one), { ...asker('a', two, one), hosts: ['a.1'] }] };
    expect(lines(settings({ forwardAuth: bad }), provider(), policy, route())).toEqual([
      'Settings/default /spec/forwardAuth/proxies/1/name: a stands in the list twice',
      'Settings/default /spec/forwardAuth/proxies/1/certificates/1: is the certificate of another front proxy',
      'Settings/default /spec/forwardAuth/proxies/1/hosts/0: must be a DNS name',
    ]);
  });

  it('holds staleness budgets of the settings and of routes that rise together', () => {
    const ofAll = settings({ staleness: { revoke: { denyAfter: '4m' }, config: 'serve' } });
    const ofRoute = (staleness: RouteDocument['spec']['staleness']) =>
      route(undefined, { ...(staleness === undefined ? {} : { staleness }) });
    const good = ofRoute({ revoke: { stepUpAfter: '1m' }, directory: { denyAfter: '1d' } });
    expect(lines(ofAll, provider(), policy, good)).toEqual([]);
    expect(toPolicySet(1, [ofAll, provider(), policy, good])).toMatchObject({
      staleness: { revoke: { denyAfter: '4m' }, config: 'serve' },
      routes: [{ staleness: { revoke: { stepUpAfter: '1m' }, directory: { denyAfter: '1d' } } }],
    });
    const late = ofRoute({
      revoke: { stepUpAfter: '5m' },
      directory: { stepUpAfter: '13h', denyAfter: '1h' },
    });
    expect(lines(ofAll, provider(), policy, late)).toEqual([
      'Route/wiki /spec/staleness/revoke/stepUpAfter: must be shorter than denyAfter, which is 4m in the settings',
      'Route/wiki /spec/staleness/directory/stepUpAfter: must be shorter than denyNewSessionsAfter, which is 12h by default',
    ]);
    const falling = settings({ staleness: { revoke: { stepUpAfter: '1h', denyAfter: '2h' } } });
    expect(lines(falling, provider(), policy, route())).toEqual([
      'Settings/default /spec/staleness/revoke/stepUpAfter: must be shorter than denyNewSessionsAfter, which is 15m by default',
    ]);
  });

  it('refers to services, conditions and policies that are there', () => {
    const rules = (spec: PolicyDocument['spec']): string[] =>
      lines(settings(), provider(), route(), service('ci', 'a'), { ...policy, spec });
    expect(rules({ allow: [{ name: 'x', services: ['ci'] }] })).toEqual([]);
    expect(rules({ allow: [{ name: 'x', services: ['cd'] }] })).toEqual([
      'Policy/employees /spec/allow/0/services/0: there is no service named cd; did you mean ci?',
    ]);
    const office = { name: 'office', sourceNetworks: ['10.0.0.0/8'] };
    expect(
      rules({ conditions: [office], deny: [{ name: 'x', conditions: ['employees/office'] }] }),
    ).toEqual([]);
    expect(rules({ deny: [{ name: 'x', conditions: ['base/office'] }] })).toEqual([
      'Policy/employees /spec/deny/0/conditions/0: there is no condition named base/office',
    ]);
    const circle = [
      { name: 'a', conditions: ['b'] },
      { name: 'b', conditions: ['a'] },
    ];
    const [found, ...more] = rules({ conditions: circle });
    expect(found).toContain('/spec/conditions/1/conditions/0: goes round in a circle');
    expect(found).toContain('employees/a -> employees/b -> employees/a');
    expect(more).toEqual([]);
  });

  it('has no device that stands for two services', () => {
    expect(
      lines(settings(), provider(), policy, route(), service('ci', 'a'), service('cd', 'b', 'a')),
    ).toEqual([
      `ServiceIdentity/cd /spec/devices: device dev_${'a'.repeat(26)} stands for ci already`,
    ]);
  });

  it('says of an expression in CEL what is wrong with it, and where', () => {
    const spec = { allow: [{ name: 'x', when: 'user.emial == "a"' }] };
    expect(lines(settings(), provider(), route(), { ...policy, spec })).toEqual([
      expect.stringMatching(
        /^Policy\/employees \/spec\/allow\/0\/when: line 1, column \d+: .*emial/,
      ),
    ]);
  });

  it('gives the policy core what decisions depend on, and nothing for people', () => {
    const spec = {
      conditions: [{ name: 'office', description: 'Where.', sourceNetworks: ['10.0.0.0/8'] }],
      allow: [{ name: 'x', description: 'Why.', conditions: ['office'] }],
      tests: [],
    };
    const monitored = route(undefined, { monitor: { until: '2027-01-01T00:00:00Z' } });
    const set = toPolicySet(1, [settings(), { ...policy, spec }, monitored, service('ci', 'a')]);
    expect(set).toMatchObject({
      routes: [{ monitor: { until: '2027-01-01T00:00:00Z' } }],
      services: [{ name: 'ci', devices: [`dev_${'a'.repeat(26)}`] }],
    });
    expect(set.policies).toEqual([
      {
        name: 'employees',
        allow: [{ name: 'x', conditions: ['office'] }],
        deny: [],
        stepUp: [],
        conditions: [{ name: 'office', sourceNetworks: ['10.0.0.0/8'] }],
      },
    ]);
  });

  it('needs an audience where the first host of a route has a star', () => {
    const starred = { match: [{ host: '*.apps.example' }] };
    expect(lines(settings(), provider(), policy, route(undefined, starred))).toEqual([
      'Route/wiki /spec/audience: is missing; it has no default where the first host has a star',
    ]);
    const given = { ...starred, audience: 'https://apps.example' };
    expect(lines(settings(), provider(), policy, route(undefined, given))).toEqual([]);
  });

  it('has no application where people sign in: its scripts would share the own page’s origin', () => {
    const at = (...hosts: string[]) => {
      const match = [{ host: 'wiki.corp.example' }, ...hosts.map((host) => ({ host }))];
      return lines(settings(), provider(), policy, route(undefined, { match }));
    };
    expect(at('signin.corp.example', '*.corp.example')).toEqual([
      'Route/wiki /spec/match/1/host: is the sign-in host (Settings, signIn.host): no route may have it',
      expect.stringMatching(
        /^Route\/wiki \/spec\/match\/2\/host: takes in the sign-in host signin\.corp\.example /,
      ),
    ]);
    // One label alone stands in a star's place.
    expect(at('*.signin.corp.example', '*.example', '*.app.corp.example')).toEqual([]);
  });

  it('takes origins as browsers write them', () => {
    const origins = (...list: string[]) =>
      lines(settings(), provider(), policy, route(undefined, { webSocket: { origins: list } }))
        .length;
    expect(origins('https://a.example', 'http://localhost:3000')).toBe(0);
    for (const bad of [
      'https://a.example/',
      'https://a.example:443',
      'https://*.a.example',
      'https://A.example',
      'null',
      '*',
    ]) {
      expect(origins(bad)).toBe(1);
    }
  });

  it('has WebSockets open for a week at the most, and idle for no longer than in all', () => {
    const timeouts = (of: { idle?: string; total?: string }) =>
      lines(settings(), provider(), policy, route(undefined, { webSocket: { timeouts: of } }));
    expect(timeouts({ idle: '1h', total: '7d' })).toEqual([]);
    expect(timeouts({ total: '10s' })).toEqual([]);
    expect(timeouts({ total: '8d' })).toEqual([
      'Route/wiki /spec/webSocket/timeouts/total: must be 7 days at the most',
    ]);
    expect(
      lines(
        settings(),
        provider(),
        policy,
        route({ url: 'https://wiki.example', protocol: 'http2' }, { webSocket: {} }),
      ),
    ).toEqual(['Route/wiki /spec/webSocket: has no meaning where upstream.protocol is http2']);
    expect(timeouts({ idle: '2m', total: '1m' })).toEqual([
      'Route/wiki /spec/webSocket/timeouts/idle: must not be longer than total',
    ]);
  });
});

describe('an upstream', () => {
  it.each([
    'http://wiki.example',
    'http://wiki.example:8080',
    'http://xn--bcher-kva.example',
    'http://8.8.8.8',
    'http://[2606:4700::1111]:80',
  ])('may be %s', (url) => {
    expect(upstreamProblems(url)).toEqual([]);
  });

  it.each([
    'http://169.254.169.254',
    'http://127.0.0.1:8443',
    'http://10.0.0.1',
    'http://[::1]',
    'http://[fd00::1]',
    'http://localhost',
    'http://wiki.localhost:8080',
    'http://0.0.0.0',
  ])('in an internal network is refused unless the settings list it: %s', (url) => {
    expect(upstreamProblems(url).join()).toContain('is in no network of Settings');
    const internal = [
      '169.254.169.254/32',
      '127.0.0.0/8',
      '10.0.0.0/8',
      '0.0.0.0/32',
      '::1/128',
      'fd00::/8',
    ];
    expect(upstreamProblems(url, internal)).toEqual([]);
  });

  it.each([
    'http://0',
    'http://0:80',
    'http://127.1',
    'http://2130706433',
    'http://0x7f.0.0.1',
    'http://0x7f000001',
    'http://0177.0.0.1',
    'http://127.0.0.01',
    'http://[::ffff:7f00:1]',
    'http://[::ffff:127.0.0.1]',
    'http://[::FFFF:127.0.0.1]',
    'http://[0:0:0:0:0:0:0:1]',
    'http://[fe80::1%25eth0]',
    'http://[::1',
    'http://[8.8.8.8]',
    'http://[wiki.example]',
    'http://[]',
    'http://unix:/var/run/docker.sock',
    'http://unix:',
    'http:///var/run/docker.sock',
    'http://',
    'http://user@wiki.example',
    'http://user:password@wiki.example',
    'http://wiki.example@127.0.0.1',
    'http://wiki.example/',
    'http://wiki.example/path',
    'http://wiki.example?query',
    'http://wiki.example#fragment',
    'http://wiki.example\\@evil.example',
    'http://wiki.example:0',
    'http://wiki.example:080',
    'http://wiki.example:65536',
    'http://wiki.example:',
    'http://wiki.example:80:80',
    'http://wiki.example.',
    'http://Wiki.example',
    'http://a\u3002corp',
    'http://good\0.evil',
    'http://b\u00fccher.example',
    'http://xn--a.example',
    'http://a_b.example',
    'http://-a.example',
    'http://a b',
    'http://a%2eb',
    'http://*.example',
    'HTTP://wiki.example',
    'ftp://wiki.example',
    'http+unix://a',
  ])('is refused whatever the settings list (rows 25, 127): %j', (url) => {
    const found = upstreamProblems(url, ['0.0.0.0/0', '::/0']);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^Route\/wiki \/spec\/upstream\/url: /);
  });

  it('is reached without TLS only where the route says so', () => {
    const check = (upstream: RouteDocument['spec']['upstream']) =>
      lines(settings(), provider(), policy, route(upstream));
    expect(check({ url: 'http://wiki.example' })).toEqual([
      'Route/wiki /spec/upstream/url: must be https, or say plainHttp: true',
    ]);
    expect(check({ url: 'https://wiki.example', plainHttp: true })).toHaveLength(1);
    const both = { url: 'http://wiki.example', plainHttp: true, serverName: 'a.example' } as const;
    expect(check(both)).toHaveLength(1);
    expect(check({ url: 'https://wiki.example', serverName: '1.2.3.4' })).toHaveLength(1);
  });
});

describe('targets of an upstream', () => {
  const check = (upstream: RouteDocument['spec']['upstream']) =>
    lines(settings(), provider(), policy, route(upstream));
  const [a, b] = [{ url: 'https://a.example' }, { url: 'https://b.example:8443', weight: 3 }];

  it('take the place of its URL', () => {
    expect(check({ targets: [a, b] })).toEqual([]);
    for (const upstream of [{}, { url: a.url, targets: [b] }]) {
      expect(check(upstream)).toEqual([
        'Route/wiki /spec/upstream: must have url or targets, one of them',
      ]);
    }
  });

  it('are checked as that is, each (row 127)', () => {
    expect(check({ targets: [a, { url: 'https://169.254.169.254' }, a] })).toEqual([
      'Route/wiki /spec/upstream/targets/1/url: leads to 169.254.169.254, which is in no network of Settings /spec/network/internal',
      'Route/wiki /spec/upstream/targets/2/url: is the same as number 1',
    ]);
    expect(check({ targets: [a, { url: 'http://b.example' }] })).toHaveLength(1);
    expect(check({ targets: [{ ...a, serverName: '1.2.3.4' }] })).toHaveLength(1);
    expect(
      check({ plainHttp: true, targets: [{ url: 'http://b.example', serverName: 'b' }] }),
    ).toHaveLength(1);
  });
});

describe('health checks of an upstream', () => {
  const check = (health: object) =>
    lines(
      settings(),
      provider(),
      policy,
      route({ url: 'https://wiki.example', health: { path: '/well', ...health } }),
    );

  it.each(['/a/../b', '/a?b', '/a//b', '/%61'])(
    'ask for no path that is read in two ways: %s',
    (path) => {
      expect(check({})).toEqual([]);
      expect(check({ path })).toHaveLength(1);
    },
  );

  it('end before the next begins', () => {
    expect(check({ interval: '2s' })).toEqual([]);
    for (const wrong of [{ interval: '1s' }, { timeout: '11s' }, { interval: '2d' }]) {
      expect(check(wrong)).toHaveLength(1);
    }
  });
});

describe('who and what an upstream is asked for', () => {
  const authorities = forgeAuthority({ name: 'Upstreams' });
  const trusted: ConfigurationDocument = {
    apiVersion,
    kind: 'TrustBundle',
    metadata: { name: 'inside' },
    spec: { use: ['upstream'], certificates: authorities.pem },
  };
  const check = (upstream: object, match: RouteDocument['spec']['match'] = []) =>
    lines(
      settings(),
      provider(),
      trusted,
      policy,
      route({ url: 'https://wiki.example', ...upstream }, match.length === 0 ? {} : { match }),
    );
  const host = 'wiki.corp.example';

  it('is a SPIFFE ID, believed from authorities that the route names', () => {
    const trustBundle = 'inside';
    expect(check({ spiffeId: 'spiffe://corp.example/ns/wiki', trustBundle })).toEqual([]);
    expect(check({ spiffeId: 'spiffe://corp.example/ns/wiki' })).toHaveLength(1);
    for (const wrong of [
      'spiffe://corp.example',
      'spiffe://Corp.example/a',
      'spiffe://a/b/',
      'spiffe://a/../b',
      'spiffe://a:1/b',
      'spiffe://a/b?c',
    ]) {
      expect([wrong, check({ spiffeId: wrong, trustBundle }).length]).toEqual([wrong, 1]);
    }
    const plain = { url: 'http://wiki.example', plainHttp: true };
    expect(check({ ...plain, spiffeId: 'spiffe://corp.example/wiki' })).toHaveLength(1);
  });

  it('is a prefix less, where every match begins with it (row 63)', () => {
    const path = { stripPrefix: '/app' };
    expect(
      check({ path }, [
        { host, path: '/app/**' },
        { host, path: '/app/x/{id}' },
      ]),
    ).toEqual([]);
    expect(check({ path: { addPrefix: '/v2' } })).toEqual([]);
    for (const match of [
      [{ host }],
      [{ host, path: '/application/**' }],
      [{ host, path: '/{a}/**' }],
    ]) {
      expect(check({ path }, match)).toHaveLength(1);
    }
    for (const prefix of ['/a/', '/', '/a/../b', '/%61', '/a//b', '/a;b', '/**', '/a?b']) {
      expect([prefix, check({ path: { addPrefix: prefix } }).length]).toEqual([prefix, 1]);
    }
  });

  it('is over connections of a day at the most', () => {
    expect(check({ connectionMaxAge: '1d' })).toEqual([]);
    expect(check({ connectionMaxAge: '2d' })).toHaveLength(1);
  });
});

describe('times of an upstream', () => {
  const check = (upstream: object, spec: Partial<RouteDocument['spec']> = {}) =>
    lines(
      settings(),
      provider(),
      policy,
      route({ url: 'https://wiki.example', ...upstream }, spec),
    );

  it('are a day at the most', () => {
    expect(check({ timeouts: { connect: '9s', idle: '24h', total: '1d' } })).toEqual([]);
    expect(check({ timeouts: { idle: '25h', total: '2d' } })).toEqual([
      'Route/wiki /spec/upstream/timeouts/idle: must be a day at the most',
      'Route/wiki /spec/upstream/timeouts/total: must be a day at the most',
    ]);
  });

  it('let no request wait until its assertion has ended', () => {
    expect(check({ limits: { queueWait: '60s' } })).toEqual([]);
    expect(check({}, { identity: { ttlSeconds: 10 } })).toEqual([]);
    const wrong = [
      check({ limits: { queueWait: '61s' } }),
      check({ limits: { queueWait: '6s' } }, { identity: { ttlSeconds: 10 } }),
    ];
    for (const found of wrong) {
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/^Route\/wiki \/spec\/upstream\/limits\/queueWait: /);
    }
  });
});

describe('an identity provider', () => {
  it.each(['https://idp.example', 'https://idp.example/', 'https://idp.example:8443/realms/corp'])(
    'may be %s',
    (issuer) => {
      expect(lines(settings(), provider(issuer))).toEqual([]);
    },
  );

  it.each([
    'http://idp.example',
    'https://127.0.0.1',
    'https://idp.localhost',
    'https://169.254.169.254/latest',
    'https://[::ffff:7f00:1]',
    'https://user@idp.example',
    'https://idp.example?x',
    'https://idp.example/#x',
    'https://idp.example/a/../b',
    'https://idp.example:443',
    'https://0/',
    'https://IDP.example',
  ])('may not be %s', (issuer) => {
    expect(lines(settings(), provider(issuer))).toHaveLength(1);
  });
});

describe('a trust bundle', () => {
  const authority = forgeAuthority();
  const check = (certificates: string) => lines(settings(), provider(), bundle(certificates));

  it('holds authorities, with comments between them', () => {
    expect(check(`subject=CN = a\n${authority.pem}\n# two\n${forgeAuthority().pem}`)).toEqual([]);
  });

  it.each([
    ['nothing', 'hello', 'holds no certificate'],
    ['a cut certificate', authority.pem.slice(0, 200), 'is not PEM'],
    [
      'other bytes',
      authority.pem.replace(/\n.{8}/, '\nAAAAAAAA'),
      'not a certificate, as number 1',
    ],
    [
      'an end certificate',
      authority.pem + forge().pem,
      'number 2 is not the certificate of an authority',
    ],
    [
      'a private key',
      `${authority.pem}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----`,
      'holds a private key',
    ],
    [
      'a request',
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
      'more than certificates',
    ],
  ])('is refused with %s', (_, text, expected) => {
    expect(check(text).join('\n')).toContain(expected);
  });

  it('of ours cannot be defined by users, but be named by them', () => {
    const builtIn = bundle(authority.pem, 'sallyport-devices');
    expect(lines(settings(), provider(), builtIn)).toEqual([
      'TrustBundle/sallyport-devices: is built in; use another name',
    ]);
    const naming = route({ url: 'https://wiki.example', trustBundle: 'sallyport-devices' });
    const found = checkSet([settings(), provider(), policy, naming], { builtIn: [builtIn] });
    // It exists, but is for devices.
    expect(found.map(({ message }) => message)).toEqual([
      'TrustBundle sallyport-devices is not for upstream',
    ]);
  });
});

describe('the settings', () => {
  it('list networks in their one form', () => {
    const internal = ['10.0.0.0/8', '10.0.0.1/8', '10.0.0.0', 'x', '::1/128'];
    expect(
      lines(settings({ network: { internal } }), provider()).map((line) => line.split(':')[0]),
    ).toEqual([
      'Settings/default /spec/network/internal/1',
      'Settings/default /spec/network/internal/2',
      'Settings/default /spec/network/internal/3',
    ]);
  });

  it('list networks of front proxies in their one form, each address with one protocol', () => {
    const frontProxies: NonNullable<SettingsDocument['spec']['network']>['frontProxies'] = [
      { networks: ['10.0.0.0/8', '10.0.0.1/8', '2001:db8::/32'], protocol: 'proxy-v2' },
      {
        networks: ['10.1.0.0/16', '192.0.2.0/24', '::/0', '::ffff:10.2.0.0/112'],
        protocol: 'x-forwarded-for',
      },
      { networks: ['192.0.2.7/32', '10.0.0.0/9'], protocol: 'x-forwarded-for' },
    ];
    const at = 'Settings/default /spec/network/frontProxies';
    const whose = 'whose front proxies speak proxy-v2';
    expect(lines(settings({ network: { frontProxies } }), provider())).toEqual([
      `${at}/0/networks/1: must be a network such as 10.0.0.0/8, without bits beyond its length`,
      `${at}/1/networks/0: overlaps 10.0.0.0/8, ${whose}`,
      `${at}/1/networks/2: overlaps 2001:db8::/32, ${whose}`,
      `${at}/1/networks/3: overlaps 10.0.0.0/8, ${whose}`,
      `${at}/2/networks/1: overlaps 10.0.0.0/8, ${whose}`,
    ]);
  });

  it('give each policy for TLS a name of its own, and hosts that no other one has', () => {
    const tlsPolicies: NonNullable<SettingsDocument['spec']['listener']>['tlsPolicies'] = [
      { name: 'strict', hosts: ['admin.corp.test', '*.admin.corp.test'], minVersion: 'TLSv1.3' },
      { name: 'devices', hosts: ['vault.corp.test'], deviceCertificate: 'required' },
    ];
    expect(lines(settings({ listener: { tlsPolicies } }), provider())).toEqual([]);
    const bad = [
      ...tlsPolicies,
      { name: 'strict', hosts: ['other.corp.test', '10.0.0.1'] },
      { name: 'default', hosts: ['*.admin.corp.test'] },
    ];
    const at = 'Settings/default /spec/listener/tlsPolicies';
    expect(lines(settings({ listener: { tlsPolicies: bad } }), provider())).toEqual([
      `${at}/2/name: another policy is named strict`,
      `${at}/2/hosts/1: must be a DNS name, or *. and a DNS name`,
      `${at}/3/name: is the name of the policy of all hosts that are not listed`,
      `${at}/3/hosts/0: is a host of strict already`,
    ]);
  });

  it('tell known ways out apart, by networks or autonomous systems that can be read', () => {
    const office: Egress = { name: 'office', kind: 'office', networks: ['198.51.100.0/24'] };
    const good: Egress[] = [
      office,
      { name: 'cloud', kind: 'cloud', asns: [64_500], networks: ['198.51.100.0/25'] },
    ];
    expect(lines(settings({ network: { egress: good } }), provider())).toEqual([]);
    const bad: Egress[] = [
      office,
      { name: 'office', kind: 'vpn', networks: ['2001:db8::/32'] },
      { name: 'nothing', kind: 'vpn' },
      { name: 'vpn', kind: 'vpn', networks: ['198.51.100.0/24', '10.0.0.1/8', '10.0.0.0'] },
      { name: 'cloud', kind: 'cloud', asns: [64_500] },
      { name: 'other', kind: 'cloud', asns: [64_501, 64_500] },
    ];
    expect(lines(settings({ network: { egress: bad } }), provider())).toEqual([
      'Settings/default /spec/network/egress/1/name: another way out is named office',
      'Settings/default /spec/network/egress/2: needs networks or asns: by them it is known',
      'Settings/default /spec/network/egress/3/networks/0: is one of office already',
      expect.stringMatching(
        '^Settings/default /spec/network/egress/3/networks/1: must be a network',
      ),
      expect.stringMatching(
        '^Settings/default /spec/network/egress/3/networks/2: must be a network',
      ),
      'Settings/default /spec/network/egress/5/asns/1: is one of cloud already',
    ]);
  });

  it('have the ways out that conditions name', () => {
    const office: Egress = { name: 'office', kind: 'office', networks: ['198.51.100.0/24'] };
    const asking = (...names: string[]): ConfigurationDocument => ({
      ...policy,
      spec: {
        conditions: [{ name: 'inside', egress: ['office'] }],
        allow: [{ name: 'all', groups: ['employees'], egress: names }],
      },
    });
    const known = settings({ network: { egress: [office] } });
    expect(lines(known, provider(), asking('office'), route())).toEqual([]);
    expect(lines(known, provider(), asking('office', 'ofice'), route())).toEqual([
      'Policy/employees /spec/allow/0/egress/1: there is no way out named ofice in the settings (network.egress); did you mean office?',
    ]);
    expect(lines(settings(), provider(), asking('office'), route())).toHaveLength(2);
  });

  it('name a host for sign-in that is not an address', () => {
    const signIn = { host: '10.0.0.1', identityProvider: 'idp' };
    expect(lines(settings({ signIn }), provider())).toEqual([
      'Settings/default /spec/signIn/host: must be a DNS name',
    ]);
  });
});
