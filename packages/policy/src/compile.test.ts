import { describe, expect, test } from 'vitest';
import { compile, PolicyCompileError, type PolicyProblem, type PolicySet } from './index.ts';

/** What is wrong with a value, as `field: message`. */
function problemsOf(value: unknown): readonly PolicyProblem[] {
  try {
    compile(value as PolicySet);
    return [];
  } catch (error) {
    if (error instanceof PolicyCompileError) return error.problems;
    throw error;
  }
}

const route = {
  name: 'app',
  matches: [{ host: 'a.test', path: '/**', methods: null }],
  policies: ['app'],
};
const policy = { name: 'app', allow: [], deny: [], stepUp: [] };
const set = { version: 1, routes: [route], policies: [policy], globalPolicies: [] };
const withRule = (rule: object, kind = 'allow') => ({
  ...set,
  policies: [{ ...policy, [kind]: [{ name: 'rule', ...rule }] }],
});
const withMatch = (match: object) => ({
  ...set,
  routes: [{ ...route, matches: [{ ...route.matches[0], ...match }] }],
});

describe('compile', () => {
  test('takes a set that denies everything', () => {
    expect(problemsOf(set)).toEqual([]);
  });

  test('tells all problems at once, each with its place', () => {
    const found = problemsOf({
      version: Number.NaN,
      routes: [
        { ...route, matches: [{ host: 'A.test', path: 'x', methods: [] }], policies: ['no'] },
      ],
      policies: [{ ...policy, allow: [{ name: 'r', groups: [] }, { name: 'r' }] }],
      globalPolicies: ['gone'],
    });
    expect(found.map(({ field }) => field)).toEqual([
      '/version',
      '/policies/0/allow/0/groups',
      '/policies/0/allow/1',
      '/policies/0/allow/1/name',
      '/globalPolicies/0',
      '/routes/0/policies/0',
      '/routes/0/matches/0/host',
      '/routes/0/matches/0/path',
      '/routes/0/matches/0/methods',
    ]);
  });

  test.each<[string, unknown, string]>([
    ['null', null, ''],
    ['a list', [], ''],
    ['text', 'allow', ''],
    ['nothing in it', {}, '/version'],
    ['no routes', { ...set, routes: null }, '/routes'],
    ['a version that is not a number', { ...set, version: '1' }, '/version'],
    ['a field that is not known', { ...set, allowAll: true }, '/allowAll'],
    ['__proto__', JSON.parse(`{"__proto__":{},${JSON.stringify(set).slice(1)}`), '/__proto__'],
    ['a policy that is null', { ...set, policies: [null] }, '/policies/0'],
    ['a hole', { ...set, policies: Array.from({ length: 1 }) }, '/policies/0'],
    ['a policy without rules', { ...set, policies: [{ name: 'app' }] }, '/policies/0/allow'],
    [
      'a policy without a name',
      { ...set, policies: [{ ...policy, name: '' }] },
      '/policies/0/name',
    ],
    [
      'a rule that is null',
      { ...set, policies: [{ ...policy, deny: [null] }] },
      '/policies/0/deny/0',
    ],
    ['two policies of one name', { ...set, policies: [policy, policy] }, '/policies/1/name'],
    [
      'two routes of one name',
      { ...set, routes: [route, { ...route, matches: [{ ...route.matches[0], host: 'b.test' }] }] },
      '/routes/1/name',
    ],
    [
      'a route without a match',
      { ...set, routes: [{ ...route, matches: [] }] },
      '/routes/0/matches',
    ],
    [
      'a policy that does not exist',
      { ...set, routes: [{ ...route, policies: ['__proto__'] }] },
      '/routes/0/policies/0',
    ],
    ['a host with a port', withMatch({ host: 'a.test:443' }), '/routes/0/matches/0/host'],
    ['a host that is a star', withMatch({ host: '*' }), '/routes/0/matches/0/host'],
    ['an address as host', withMatch({ host: '127.0.0.1' }), '/routes/0/matches/0/host'],
    ['a path with a star', withMatch({ path: '/*' }), '/routes/0/matches/0/path'],
    [
      'methods that are missing',
      { ...set, routes: [{ ...route, matches: [{ host: 'a.test', path: '/' }] }] },
      '/routes/0/matches/0/methods',
    ],
    ['no method', withMatch({ methods: [] }), '/routes/0/matches/0/methods'],
    ['a method in lower case', withMatch({ methods: ['get'] }), '/routes/0/matches/0/methods/0'],
    [
      'a rule without a name',
      withRule({ name: undefined, groups: ['a'] }),
      '/policies/0/allow/0/name',
    ],
    [
      'a rule name with a slash',
      withRule({ name: 'a/b', groups: ['a'] }),
      '/policies/0/allow/0/name',
    ],
    ['an allow rule that says nothing', withRule({}), '/policies/0/allow/0'],
    [
      'an allow rule that says anonymous: false',
      withRule({ anonymous: false }),
      '/policies/0/allow/0',
    ],
    [
      'anonymous that is not yes or no',
      withRule({ anonymous: 'true' }),
      '/policies/0/allow/0/anonymous',
    ],
    [
      'anonymous with users',
      withRule({ anonymous: true, users: ['u'] }),
      '/policies/0/allow/0/users',
    ],
    [
      'anonymous with groups',
      withRule({ anonymous: true, groups: ['g'] }),
      '/policies/0/allow/0/groups',
    ],
    [
      'anonymous with an owner',
      withRule({ anonymous: true, device: { ownedByUser: true } }),
      '/policies/0/allow/0/device',
    ],
    [
      'anonymous in a deny rule',
      withRule({ anonymous: true }, 'deny'),
      '/policies/0/deny/0/anonymous',
    ],
    [
      'a condition that is not known',
      withRule({ groups: ['a'], risk: 'low' }),
      '/policies/0/allow/0/risk',
    ],
    ['a condition that is null', withRule({ groups: null }), '/policies/0/allow/0/groups'],
    [
      'a condition that is undefined',
      withRule({ groups: undefined }),
      '/policies/0/allow/0/groups',
    ],
    ['a condition that is text', withRule({ groups: 'admins' }), '/policies/0/allow/0/groups'],
    ['no group', withRule({ groups: [] }), '/policies/0/allow/0/groups'],
    ['a blank group', withRule({ groups: [' '] }), '/policies/0/allow/0/groups/0'],
    ['a group with a blank end', withRule({ groups: ['admins '] }), '/policies/0/allow/0/groups/0'],
    ['no user', withRule({ users: [] }), '/policies/0/allow/0/users'],
    [
      'an e-mail address with two @',
      withRule({ users: ['a@evil@corp.test'] }),
      '/policies/0/allow/0/users/0',
    ],
    ['no method in a rule', withRule({ methods: [] }), '/policies/0/allow/0/methods'],
    ['no path', withRule({ paths: [] }), '/policies/0/allow/0/paths'],
    ['a path that is no pattern', withRule({ paths: ['admin'] }), '/policies/0/allow/0/paths/0'],
    ['no network', withRule({ sourceNetworks: [] }), '/policies/0/allow/0/sourceNetworks'],
    [
      'an address without a length',
      withRule({ sourceNetworks: ['10.0.0.0'] }),
      '/policies/0/allow/0/sourceNetworks/0',
    ],
    [
      'bits beyond the prefix',
      withRule({ sourceNetworks: ['10.0.0.1/8'] }),
      '/policies/0/allow/0/sourceNetworks/0',
    ],
    ['a device that says nothing', withRule({ device: {} }), '/policies/0/allow/0/device'],
    ['a device that is a list', withRule({ device: [] }), '/policies/0/allow/0/device'],
    [
      'a wish that is text',
      withRule({ device: { managed: 'yes' } }),
      '/policies/0/allow/0/device/managed',
    ],
    [
      'a device fact that is not known',
      withRule({ device: { trusted: true } }),
      '/policies/0/allow/0/device/trusted',
    ],
    [
      'a device that cannot be',
      withRule({ device: { known: false, managed: true } }, 'deny'),
      '/policies/0/deny/0/device',
    ],
    ['a step-up rule that asks nothing', withRule({}, 'stepUp'), '/policies/0/stepUp/0/require'],
    ['an empty requirement', withRule({ require: {} }, 'stepUp'), '/policies/0/stepUp/0/require'],
    [
      'an age of zero',
      withRule({ require: { maxAge: '0s' } }, 'stepUp'),
      '/policies/0/stepUp/0/require/maxAge',
    ],
    [
      'an age in seconds',
      withRule({ require: { maxAge: 900 } }, 'stepUp'),
      '/policies/0/stepUp/0/require/maxAge',
    ],
    [
      'no method of authentication',
      withRule({ require: { amr: [] } }, 'stepUp'),
      '/policies/0/stepUp/0/require/amr',
    ],
    [
      'a requirement in an allow rule',
      withRule({ groups: ['a'], require: { amr: ['hwk'] } }),
      '/policies/0/allow/0/require',
    ],
  ])('row 112: refuses %s', (_what, value, field) => {
    expect(problemsOf(value).map((problem) => problem.field)).toContain(field);
  });

  test('refuses two routes that claim the same requests, in any spelling', () => {
    const claims = (...matches: object[]) =>
      problemsOf({
        ...set,
        routes: matches.map((match, index) => ({
          name: `r${index}`,
          matches: [{ host: 'a.test', methods: null, ...match }],
          policies: [],
        })),
      }).length;
    expect(claims({ path: '/a' }, { path: '/a/' })).toBe(1);
    expect(claims({ path: '/{a}' }, { path: '/{b}' })).toBe(1);
    expect(claims({ path: '/a:b' }, { path: '/a%3Ab' })).toBe(1);
    expect(claims({ path: '/a' }, { path: '/a', methods: ['GET'] })).toBe(1);
    expect(claims({ path: '/a', methods: ['GET'] }, { path: '/a' })).toBe(1);
    expect(claims({ path: '/a', methods: ['GET', 'PUT'] }, { path: '/a', methods: ['PUT'] })).toBe(
      1,
    );
    expect(claims({ path: '/a', methods: ['GET'] }, { path: '/a', methods: ['PUT'] })).toBe(0);
    expect(claims({ path: '/a' }, { path: '/a/**' }, { path: '/{a}' }, { path: '/**' })).toBe(0);
    expect(claims({ path: '/a' }, { path: '/a', host: '*.test' })).toBe(0);
  });

  test('names the route that has the place already', () => {
    const twice = { ...route, matches: [route.matches[0], route.matches[0]] };
    expect(problemsOf({ ...set, routes: [twice] })).toEqual([
      { field: '/routes/0/matches/1', message: 'route app has /** on this host already' },
    ]);
  });

  test('a policy with problems still counts as known', () => {
    const broken = withRule({ groups: [] });
    expect(problemsOf(broken).map(({ field }) => field)).toEqual(['/policies/0/allow/0/groups']);
  });

  test('writes field names as RFC 6901 pointers', () => {
    expect(problemsOf({ ...set, 'a/b~c': 1 })[0]?.field).toBe('/a~1b~0c');
  });

  test('tells so many problems and no more', () => {
    const allow = Array.from({ length: 5000 }, () => null);
    expect(problemsOf({ ...set, policies: [{ ...policy, allow }] })).toHaveLength(1000);
  });

  test('says in its message what is wrong', () => {
    expect(() => compile(withRule({ groups: [] }) as unknown as PolicySet)).toThrow(
      '/policies/0/allow/0/groups: must not be empty',
    );
  });
});
