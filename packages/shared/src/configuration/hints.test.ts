import { describe, expect, it } from 'vitest';
import type { ConfigurationDocument, PolicyDocument } from './documents.ts';
import { checkSet } from './set.ts';
import { runTests } from './tests/run.ts';

const apiVersion = 'sallyport.dev/v1';

function policy(name: string, spec: PolicyDocument['spec']): PolicyDocument {
  return { apiVersion, kind: 'Policy', metadata: { name }, spec };
}

/** A set around these policies, of which the route names some. */
function problemsOf(
  policies: readonly PolicyDocument[],
  named: readonly string[] = [],
): readonly string[] {
  const documents: ConfigurationDocument[] = [
    {
      apiVersion,
      kind: 'Settings',
      metadata: { name: 'default' },
      spec: { signIn: { host: 'signin.corp.example', identityProvider: 'corp' } },
    },
    {
      apiVersion,
      kind: 'IdentityProvider',
      metadata: { name: 'corp' },
      spec: {
        issuer: 'https://login.corp.example',
        clientId: 'sallyport',
        clientSecret: 'corp-client',
      },
    },
    {
      apiVersion,
      kind: 'Route',
      metadata: { name: 'wiki' },
      spec: {
        match: [{ host: 'wiki.corp.example' }],
        policies: [...named],
        upstream: { url: 'https://wiki.internal.corp.example' },
      },
    },
    {
      apiVersion,
      kind: 'ServiceIdentity',
      metadata: { name: 'ci-runner' },
      spec: { devices: ['dev_1'] },
    },
    ...policies,
  ];
  return checkSet(documents).map(({ field, message }) => `${field}: ${message}`);
}

const staff = { name: 'staff', groups: ['employees'] };
const office = { name: 'office-hours', sourceNetworks: ['10.0.0.0/8'] };

describe('a name that nothing has', () => {
  it('of a policy comes with the nearest one', () => {
    expect(problemsOf([policy('employees', { allow: [staff] })], ['employes'])).toEqual([
      'Route/wiki /spec/policies/0: there is no policy named employes; did you mean employees?',
    ]);
  });

  it('of a service comes with the nearest one', () => {
    const rule = { name: 'builds', services: ['ci-runer'] };
    expect(problemsOf([policy('builds', { allow: [rule] })])).toEqual([
      'Policy/builds /spec/allow/0/services/0: there is no service named ci-runer; did you mean ci-runner?',
    ]);
  });

  it.each([
    ['a letter is wrong', 'ofice-hours', 'base/ofice-hours', 'base/office-hours'],
    [
      'it is another policy’s',
      'corporate-device',
      'base/corporate-device',
      'devices/corporate-device',
    ],
    [
      'the policy is misspelt',
      'device/corporate-device',
      'device/corporate-device',
      'devices/corporate-device',
    ],
  ])('of a condition comes with the one that was meant: %s', (_, written, whole, meant) => {
    const found = problemsOf([
      policy('base', { conditions: [office], allow: [{ ...staff, conditions: [written] }] }),
      policy('devices', { conditions: [{ name: 'corporate-device', device: { managed: true } }] }),
    ]);
    expect(found).toEqual([
      `Policy/base /spec/allow/0/conditions/0: there is no condition named ${whole}; did you mean ${meant}?`,
    ]);
  });

  it.each([
    ['allow/staf', 'employees/allow/staf', '; did you mean employees/allow/staff?'],
    ['deny/staff', 'employees/deny/staff', '; did you mean employees/allow/staff?'],
    ['employes/allow/staff', 'employes/allow/staff', '; did you mean employees/allow/staff?'],
    ['allow/nothing-like-it', 'employees/allow/nothing-like-it', ''],
  ])('of a rule in a test, %s, comes with the nearest one', (rule, whole, hint) => {
    const test = {
      name: 'x',
      request: { url: 'https://wiki.corp.example/' },
      expect: { outcome: 'permit' as const, rule },
    };
    expect(problemsOf([policy('employees', { allow: [staff], tests: [test] })])).toEqual([
      `Policy/employees /spec/tests/0/expect/rule: there is no rule ${whole}${hint}`,
    ]);
  });

  it('has no hint where nothing is near, and where looking would take long', () => {
    expect(problemsOf([policy('employees', { allow: [staff] })], ['zzz'])).toEqual([
      'Route/wiki /spec/policies/0: there is no policy named zzz',
    ]);
    const many = Array.from({ length: 5_000 }, (_, index) => policy(`p-${index}`, {}));
    const wrong = Array.from({ length: 10 }, (_, index) => `p-x${index}`);
    const found = problemsOf(many, wrong);
    expect(found).toHaveLength(10);
    expect(found.filter((line) => line.includes('did you mean'))).toHaveLength(4);
  });
});

it('a name that two documents have is told at the name', () => {
  const twice = policy('employees', { allow: [staff] });
  expect(runTests([twice, twice]).problems).toEqual([
    {
      field: 'Policy/employees /metadata/name',
      message: 'there are two policies named employees',
    },
  ]);
});

it('an expression that cannot be read is told in one sentence', () => {
  const rule = { ...staff, pathsMatching: ['/('] };
  expect(problemsOf([policy('employees', { allow: [rule] })])).toEqual([
    expect.stringMatching(/pathsMatching\/0: is not a regular expression in RE2's syntax \(/),
  ]);
});
