import { describe, expect, test } from 'vitest';
import {
  compile,
  decide,
  type Facts,
  hostKnown,
  matchRoute,
  type PolicySet,
  type Route,
} from './index.ts';

const everything = { methods: null, path: '/**' };
const open = {
  name: 'open',
  allow: [{ name: 'all', anonymous: true, paths: ['/pub/**'] }],
  deny: [],
  stepUp: [],
};
const routeTo = (name: string, ...matches: Route['matches']): Route => ({
  name,
  matches,
  policies: ['open'],
});
const setOf = (...routes: Route[]): PolicySet => ({
  version: 1,
  routes,
  policies: [open],
  globalPolicies: [],
});
const request = (host: string, path: string, method = 'GET') => ({ method, host, path });
const facts = (host: string, path: string): Facts => ({
  nowMs: 0,
  request: { ...request(host, path), headers: {} },
  sourceAddress: '192.0.2.1',
  device: { kind: 'none' },
  session: { kind: 'none' },
  user: { kind: 'none' },
  place: null,
  risk: null,
  lockdown: false,
  staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
});

describe('row 66: many hosts', () => {
  const own = [
    routeTo('app', { host: 'app.corp.test', ...everything }),
    routeTo('admin', { host: 'app.corp.test', path: '/admin/**', methods: ['GET'] }),
    routeTo('any', { host: '*.corp.test', path: '/pub/{page}', methods: null }),
  ];
  const asked = [
    'app.corp.test',
    'x.corp.test',
    'corp.test',
    'app.corp.tes',
    'h7.corp.test',
  ].flatMap((host) => ['/', '/pub/a', '/admin', '/pub/a/b'].map((path) => facts(host, path)));
  const decisions = (count: number) => {
    const others = Array.from({ length: count }, (_none, index) =>
      routeTo(`other-${index}`, { host: `h${index}.other.test`, ...everything }),
    );
    const half = Math.floor(count / 2);
    const compiled = compile(setOf(...others.slice(0, half), ...own, ...others.slice(half)));
    return asked.map((one) => decide(compiled, one));
  };

  test.each([1, 99, 100, 101, 1000, 5000])('%i more hosts change no decision', (count) => {
    expect(decisions(count)).toEqual(decisions(0));
  });
});

describe('row 67: names are compared whole', () => {
  const routes = [
    routeTo('plain', { host: 'corp.test', ...everything }),
    routeTo('near', { host: '*.b.corp.test', ...everything }),
    routeTo('far', { host: '*.corp.test', ...everything }),
  ];

  test.each([
    ['corp.test', 'plain'],
    ['evilcorp.test', null],
    ['corpxtest', null],
    ['corp.test.evil.test', null],
    ['a.corp.test', 'far'],
    ['b.corp.test', 'far'],
    ['a.b.corp.test', 'near'],
    ['axb.corp.test', 'far'],
    ['a.xb.corp.test', null],
    ['a.a.b.corp.test', null],
  ])('%s leads to %s, in whatever order the routes stand', (host, name) => {
    for (const order of [routes, routes.toReversed()]) {
      expect(decide(compile(setOf(...order)), facts(host, '/pub/x')).route).toBe(name);
    }
  });

  test('a principal with a dot is not one with another character there', () => {
    const set = setOf(routeTo('app', { host: 'a.test', ...everything }));
    const compiled = compile({
      ...set,
      policies: [
        {
          name: 'open',
          allow: [{ name: 'all', groups: ['staff'] }],
          deny: [{ name: 'one', users: ['a.b@corp.test', 'u.1'] }],
          stepUp: [],
        },
      ],
    });
    const outcomeOf = (id: string, email: string, group = 'staff') => {
      const session = { kind: 'live', sid: 's', userId: id, deviceId: null, expiresAtMs: 9 };
      const user = { kind: 'known', id, email, groups: [group], status: 'active', blocked: false };
      return decide(compiled, {
        ...facts('a.test', '/'),
        session: { ...session, authenticatedAtMs: 0, amr: [] },
        user: { ...user, employment: null },
      } as Facts).outcome;
    };
    expect(outcomeOf('u', 'a.b@corp.test')).toBe('deny');
    expect(outcomeOf('u.1', 'c@corp.test')).toBe('deny');
    for (const email of ['aXb@corp.test', 'a.b@corpxtest', 'xa.b@corp.test', 'a.b@corp.test.x']) {
      expect(outcomeOf('uX1', email)).toBe('permit');
    }
    for (const group of ['Staff', 'staff.', 'staf', 'xstaff']) {
      expect(outcomeOf('u', 'c@corp.test', group)).toBe('deny');
    }
  });
});

describe('routes', () => {
  test('a host is known by its name or by a wildcard, in canonical form', () => {
    const compiled = compile(
      setOf(
        routeTo('a', { host: 'a.test', ...everything }),
        routeTo('b', { host: '*.b.test', ...everything }),
      ),
    );
    const known = ['a.test', 'x.b.test'];
    const unknown = [
      'b.test',
      'y.x.b.test',
      'A.test',
      'a.test.',
      '.b.test',
      'x_.b.test',
      '',
      'test',
    ];
    expect(known.filter((host) => !hostKnown(compiled, host))).toEqual([]);
    expect(unknown.filter((host) => hostKnown(compiled, host))).toEqual([]);
  });

  test('a method that nobody takes names the first route by name, whatever their order', () => {
    const get = routeTo('b', { host: 'a.test', path: '/x', methods: ['GET'] });
    const put = routeTo('a', { host: 'a.test', path: '/x', methods: ['PUT'] });
    for (const set of [setOf(get, put), setOf(put, get)]) {
      const result = matchRoute(compile(set), request('a.test', '/x', 'POST'));
      expect(result).toMatchObject({ kind: 'method_not_allowed', route: { name: 'a' } });
    }
  });

  test('names from a prototype are names like others', () => {
    const compiled = compile(
      setOf(
        routeTo('constructor', { host: 'constructor.test', path: '/constructor', methods: null }),
      ),
    );
    const kind = (host: string, path: string) => matchRoute(compiled, request(host, path)).kind;
    expect(kind('constructor.test', '/constructor')).toBe('route');
    expect(kind('constructor.test', '/__proto__')).toBe('none');
    expect(kind('__proto__', '/')).toBe('none');
    expect(kind('toString', '/')).toBe('none');
  });

  test('a path that is not canonical has no route', () => {
    const compiled = compile(setOf(routeTo('a', { host: 'a.test', ...everything })));
    const kinds = ['', 'a', '//', '/a/../b', '/%61', '/a?b', '/a/./'].map(
      (path) => matchRoute(compiled, request('a.test', path)).kind,
    );
    expect(new Set(kinds)).toEqual(new Set(['none']));
  });
});
