import { describe, expect, it } from 'vitest';
import type { ConfigurationDocument } from '../documents.ts';
import { parseDocuments } from '../parse.ts';
import { checkSet, setRefusal } from '../set.ts';
import { runTests } from './run.ts';

const base = `apiVersion: sallyport.dev/v1
kind: Settings
metadata: { name: default }
spec: { signIn: { host: signin.corp.example, identityProvider: corp } }
---
apiVersion: sallyport.dev/v1
kind: IdentityProvider
metadata: { name: corp }
spec: { issuer: https://login.corp.example, clientId: a, clientSecret: b }
---
apiVersion: sallyport.dev/v1
kind: Route
metadata: { name: wiki }
spec:
  match: [{ host: wiki.corp.example }]
  policies: [employees]
  upstream: { url: https://wiki.internal.corp.example }
---
apiVersion: sallyport.dev/v1
kind: Policy
metadata: { name: employees }
spec:
`;
const rules = `  allow:
    - { name: staff, groups: [staff] }
    - { name: nobody-tries-this, groups: [others] }
  deny:
    - { name: not-the-export, paths: [/export/**] }
`;
const read = (text: string): readonly ConfigurationDocument[] => {
  const { documents, problems } = parseDocuments(text, 'a.yaml');
  expect(problems).toEqual([]);
  return documents;
};
const alice = 'user: { email: alice@corp.example, groups: [staff] }';
/** The set with tests given as lines of flow maps. */
const withTests = (...tests: string[]): readonly ConfigurationDocument[] =>
  read(`${base}${rules}  tests:\n${tests.map((test) => `    - { ${test} }\n`).join('')}`);
const test = (name: string, fields: string, expected: string, path = '/'): string =>
  `name: ${name}, request: { url: "https://wiki.corp.example${path}" }, ${fields}, expect: { ${expected} }`;
const passing = test('staff may read', alice, 'outcome: permit');

describe('tests in documents', () => {
  it('pass where the outcome, the reason and the rule are as expected', () => {
    const documents = withTests(
      passing,
      test('by which rule', alice, 'outcome: permit, rule: allow/staff'),
      test('by its whole id', alice, 'outcome: permit, rule: employees/allow/staff'),
      test('a stranger', 'device: null', 'outcome: sign_in, reason: session_required'),
      test('export', alice, 'outcome: deny, rule: deny/not-the-export', '/export/all'),
      test(
        'another group',
        'user: { email: bob@corp.example, groups: [guests] }',
        'outcome: deny, reason: group_missing',
      ),
      test(
        'suspended',
        'user: { email: bob@corp.example, suspended: true }',
        'outcome: deny, reason: user_suspended',
      ),
    );
    const { cases, ...report } = runTests(documents);
    expect(cases.flatMap((one) => one.differences)).toEqual([]);
    expect(report).toEqual({ problems: [], passed: 7, failed: 0, coverage: [] });
    expect(checkSet(documents)).toEqual([]);
  });

  it('refuse the set where one fails, and say what was expected and what came of it', () => {
    const documents = withTests(
      passing,
      test('export is open', alice, 'outcome: permit', '/export'),
      test('for another reason', alice, 'outcome: deny, reason: lockdown', '/export'),
      test('by another rule', alice, 'outcome: permit, rule: allow/nobody-tries-this'),
    );
    expect(setRefusal(documents)).toEqual({
      code: 'policy_tests_failed',
      problems: [
        {
          field: 'Policy/employees /spec/tests/1',
          message: 'the test "export is open" fails: expected permit, got deny (rule_denied)',
        },
        {
          field: 'Policy/employees /spec/tests/2',
          message:
            'the test "for another reason" fails: expected the reason lockdown, got rule_denied',
        },
        {
          field: 'Policy/employees /spec/tests/3',
          message:
            'the test "by another rule" fails: expected the rule employees/allow/nobody-tries-this, got employees/allow/staff',
        },
      ],
    });
    const { cases, passed, failed } = runTests(documents);
    expect([passed, failed]).toEqual([1, 3]);
    expect(cases[0]).toMatchObject({ passed: true, trace: [] });
    expect(cases[1]).toMatchObject({
      document: 'Policy/employees',
      name: 'export is open',
      got: { outcome: 'deny', ruleIds: ['employees/deny/not-the-export'] },
    });
    expect(cases[1]?.trace).toContainEqual(
      expect.objectContaining({
        step: 'rule',
        rule: 'employees/deny/not-the-export',
        value: 'true',
      }),
    );
  });

  it('may stand in a route, and then name rules by their whole id', () => {
    const inRoute = base.replace(
      '  policies: [employees]\n',
      `  policies: [employees]\n  tests: [{ ${test('x', alice, 'outcome: permit, rule: employees/allow/staff')} }]\n`,
    );
    expect(runTests(read(inRoute + rules))).toMatchObject({
      passed: 1,
      cases: [{ document: 'Route/wiki' }],
    });
    const short = inRoute.replace('rule: employees/', 'rule: ');
    expect(checkSet(read(short + rules))).toEqual([
      { field: 'Route/wiki /spec/tests/0/expect/rule', message: 'there is no rule allow/staff' },
    ]);
  });

  it('tell which rules no test would miss', () => {
    const documents = withTests(passing, test('export', alice, 'outcome: deny', '/export/all'));
    expect(runTests(documents, { coverage: true }).coverage).toEqual([
      { rule: 'employees/allow/nobody-tries-this', tests: [] },
      { rule: 'employees/allow/staff', tests: ['Policy/employees: staff may read'] },
      { rule: 'employees/deny/not-the-export', tests: ['Policy/employees: export'] },
    ]);
  });

  it('keep the steps of every decision where that is asked for', () => {
    const [one] = runTests(withTests(passing), { trace: 'all' }).cases;
    expect(one?.trace.map(({ step }) => step)).toContain('rule');
  });

  it('cannot be run on documents that cannot be decided by', () => {
    const report = runTests(read(base.replace('[employees]', '[others]') + rules));
    expect(report).toMatchObject({
      cases: [],
      problems: [{ field: 'Route/wiki /spec/policies/0' }],
    });
  });

  it.each([
    ['/session', `session: { amr: [hwk] }`, 'says how a user signed in, and there is no user'],
    ['/from', `${alice}, from: 010.0.0.1`, 'must be an IP address in its usual form'],
    ['/at', `${alice}, at: 2026-02-30T00:00:00Z`, 'is no day of the calendar'],
  ])('are refused where they contradict themselves: %s', (path, fields, message) => {
    expect(setRefusal(withTests(test('x', fields, 'outcome: permit')))).toEqual({
      code: 'invalid_configuration',
      problems: [{ field: `Policy/employees /spec/tests/0${path}`, message }],
    });
  });

  it('are refused with the name of another, an unknown rule, or a host that is none', () => {
    const found = checkSet(
      withTests(
        passing,
        passing,
        test('y', alice, 'outcome: permit, rule: allow/stuff'),
        passing.replace('staff may read', 'z').replace('wiki.corp.example', '10.0.0.1'),
      ),
    );
    expect(found).toEqual([
      { field: 'Policy/employees /spec/tests/1/name', message: 'is the name of another test here' },
      {
        field: 'Policy/employees /spec/tests/2/expect/rule',
        message: 'there is no rule employees/allow/stuff; did you mean employees/allow/staff?',
      },
      {
        field: 'Policy/employees /spec/tests/3/request/url',
        message: 'must have a host that is a DNS name',
      },
    ]);
  });

  it('fail at an address that an edge refuses', () => {
    const [one] = runTests(withTests(test('x', alice, 'outcome: permit', '/a%2fb'))).cases;
    expect(one?.differences).toEqual([expect.stringContaining('the address is refused')]);
  });

  it('are not run where that is asked for, but read all the same', () => {
    const failing = withTests(test('x', alice, 'outcome: deny'));
    expect(checkSet(failing, { tests: false })).toEqual([]);
    const bad = withTests(test('x', `${alice}, from: x1`, 'outcome: permit'));
    expect(checkSet(bad, { tests: false })).toHaveLength(1);
  });

  it('may not come to more work than a second or so', () => {
    const many = (count: number, fields: object) =>
      read(base + rules).map((document): ConfigurationDocument => {
        if (document.kind !== 'Policy') return document;
        const deny = Array.from({ length: count }, (_, at) => ({ name: `r${at}`, ...fields }));
        const tests = Array.from({ length: 1000 }, (_, at) => ({
          name: `${at}`,
          request: { url: 'https://wiki.corp.example/' },
          expect: { outcome: 'deny' as const },
        }));
        return { ...document, spec: { deny, tests } };
      });
    expect(setRefusal(many(100, { methods: ['GET'] }))).toBe(null);
    expect(setRefusal(many(250, { when: 'true' }))).toEqual({
      code: 'policy_tests_failed',
      problems: [
        {
          field: '',
          message: 'the tests of the set would try too many rules: give it fewer of them',
        },
      ],
    });
  });

  it('are 5,000 in a set at the most', () => {
    const documents = read(base + rules).flatMap((document) =>
      document.kind === 'Policy'
        ? Array.from({ length: 6 }, (_, at): ConfigurationDocument => {
            const name = at === 0 ? document.metadata.name : `more-${at}`;
            const tests = Array.from({ length: 1000 }, (__, index) => ({
              name: `${index}`,
              request: { url: 'https://wiki.corp.example/' },
              expect: { outcome: 'sign_in' as const },
            }));
            return { ...document, metadata: { name }, spec: { ...document.spec, tests } };
          })
        : [document],
    );
    expect(checkSet(documents)).toEqual([
      { field: '', message: 'the set has 6000 tests and may have 5000' },
    ]);
  });
});

describe('a test that says nothing of them', () => {
  const decide = (fields: string, rule: string) =>
    runTests(
      read(
        `${base}  allow:\n    - ${rule}\n  tests:\n    - { ${test('x', fields, 'outcome: permit')} }\n`,
      ),
    ).cases[0]?.got;

  it.each([
    [
      'is decided on a Wednesday at noon, UTC',
      '{ name: x, time: [{ days: [wed], from: "12:00", to: "12:01", zone: UTC }] }',
      'permit',
    ],
    ['has a sign-in of a minute ago', '{ name: x, authentication: { maxAge: 2m } }', 'permit'],
    ['has a sign-in by password alone', '{ name: x, authentication: { amr: [hwk] } }', 'deny'],
    ['comes from no device', '{ name: x, device: { known: true } }', 'deny'],
    ['comes from no known country', '{ name: x, countries: [DE] }', 'deny'],
    ['has no known risk', '{ name: x, risk: { below: 100 } }', 'deny'],
    ['asks with GET', '{ name: x, methods: [GET] }', 'permit'],
  ])('%s', (_, rule, outcome) => {
    expect(decide(alice, rule)).toMatchObject({ outcome });
  });

  it('has a device that is neither managed nor owned', () => {
    const rule = (wish: string) => `{ name: x, device: { ${wish} } }`;
    const given = `${alice}, device: {}`;
    expect(decide(given, rule('known: true'))).toMatchObject({ outcome: 'permit' });
    expect(decide(given, rule('managed: true'))).toMatchObject({ reasons: ['device_unmanaged'] });
    expect(decide(given, rule('ownedByUser: true'))).toMatchObject({ outcome: 'deny' });
    const all = `${alice}, device: { managed: true, ownedByUser: true }`;
    expect(decide(all, rule('managed: true, ownedByUser: true'))).toMatchObject({
      outcome: 'permit',
    });
  });

  it('is signed in on the device of the request', () => {
    const rule = '{ name: x, device: { known: true } }';
    const without = `${alice}, device: {}, session: { withoutDevice: true }`;
    expect(decide(without, rule)).toMatchObject({ reasons: ['session_without_device'] });
  });
});
