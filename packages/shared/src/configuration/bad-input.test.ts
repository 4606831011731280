import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigurationDocument } from './documents.ts';
import { lintDocuments } from './lint/lint.ts';
import { parseDocuments, validateDocument } from './parse.ts';
import { checkSet } from './set.ts';
import { runTests } from './tests/run.ts';

const head = 'apiVersion: sallyport.dev/v1\nkind: Policy\nmetadata: { name: employees }\nspec:\n';

/** Problems as lines, the way the command line prints them. */
const problems = (text: string): string[] =>
  parseDocuments(text, 'a.yaml').problems.map(({ field, message }) => `${field}: ${message}`);
const ofRule = (fields: string): string[] =>
  problems(`${head}  allow:\n    - name: x\n      ${fields.replaceAll('\n', '\n      ')}\n`);
const ofTest = (fields: string): string[] =>
  problems(
    `${head}  tests:\n    - name: x\n      request: { url: https://a.example }\n      ${fields}\n`,
  );
const valueOf = (spec: unknown) =>
  validateDocument(
    { apiVersion: 'sallyport.dev/v1', kind: 'Policy', metadata: { name: 'x' }, spec },
    '',
  );

describe('a policy document', () => {
  it('may use every condition at once', () => {
    const text = `  conditions:
    - name: office-hours
      description: When the desk is staffed.
      time: [{ days: [mon, fri], from: "08:00", to: "18:00", zone: Europe/Berlin }]
  allow:
    - name: everything
      description: An example.
      users: [a@corp.example]
      groups: [staff]
      employment: { class: [contractor], ended: false }
      device:
        known: true
        managed: true
        ownedByUser: true
        posture:
          - { name: disk-encrypted, is: true, maxAge: 7d }
          - { name: os-version, atLeast: 14, atMost: 15.5 }
          - { name: os, in: [macos, linux] }
        certificateMaxAge: 30d
      methods: [GET]
      paths: [/a/**]
      pathsMatching: ["/report-[0-9]+"]
      headers: [{ name: x-role, is: [admin] }]
      sourceNetworks: [10.0.0.0/8]
      countries: [DE, AT]
      asns: [3320]
      time: [{ from: "22:00", to: "06:00", zone: UTC }]
      notBefore: 2026-12-01T00:00:00Z
      notAfter: 2026-12-31T23:59:59.5+01:00
      authentication: { maxAge: 15m, amr: [hwk] }
      risk: { atLeast: 50, below: 80.5, signals: [impossible-travel] }
      conditions: [office-hours, base/corporate-device]
      when: request.method == "GET"
    - name: machine
      services: [ci-runner]
`;
    expect(problems(head + text)).toEqual([]);
  });

  it('names the methods that there are where it has another', () => {
    expect(ofRule('methods: [GET, PROPFIND]')).toEqual([
      'a.yaml:7:22 /spec/allow/0/methods/1: must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    ]);
  });

  it.each([
    ['spec:', '/spec: must be an object, not nothing'],
    ['spec: []', '/spec: must be an object, not a list'],
    ['spec: { allow: }', '/spec/allow: must be a list, not nothing'],
    ['spec: { allow: {} }', '/spec/allow: must be a list, not an object'],
    ['spec: { allow: [null] }', '/spec/allow/0: must be an object, not nothing'],
    ['spec: { alow: [] }', '/spec/alow: is not a known field; did you mean allow?'],
    ['spec: { conditions: [{ name: x }] }', '/spec/conditions/0: has fewer than 2 entries'],
  ])('is refused when it says %s', (spec, expected) => {
    expect(problems(head.replace('spec:\n', `${spec}\n`)).join('\n')).toContain(expected);
  });

  it.each([
    ['groups: []', '/groups: must not be empty'],
    ['groups: [""]', '/groups/0: must not be empty'],
    ['groups: null', '/groups: must be a list, not nothing'],
    ['groups: staff', '/groups: must be a list, not text'],
    ['groups: [1]', '/groups/0: must be text, not 1'],
    ['employment: {}', '/employment: must not be empty'],
    ['employment: { class: contractor }', '/employment/class: must be a list, not text'],
    [
      'employment: { class: [contracter] }',
      '/employment/class/0: must be one of employee, contractor; did you mean contractor?',
    ],
    ['employment: { ended: 1 }', '/employment/ended: must be true or false, not 1'],
    ['services: [ci_runner]', '/services/0: must be a name of a to z'],
    ['device: { posture: [] }', '/device/posture: must not be empty'],
    ['device: { posture: [{ is: true }] }', '/device/posture/0/name: is missing'],
    [
      'device: { posture: [{ name: x, is: {} }] }',
      '/posture/0/is: must be true or false, a number or text',
    ],
    [
      'device: { posture: [{ name: x, is: null }] }',
      '/posture/0/is: must be true or false, a number or text',
    ],
    ['device: { posture: [{ name: x, atLeast: "7" }] }', '/atLeast: must be a number, not text'],
    ['device: { posture: [{ name: x, maxage: 7d }] }', 'did you mean maxAge?'],
    ['device: { certificateMaxAge: 30 }', '/device/certificateMaxAge: must be text, not 30'],
    ['device: { certificateMaxAge: 0d }', 'must be a duration such as 90s, 15m, 12h or 7d'],
    ['countries: [de]', '/countries/0: must be a country by its two capital letters'],
    ['asns: [0]', '/asns/0: must be at least 1'],
    ['asns: [4294967296]', '/asns/0: must be at most 4294967295'],
    ['time: [{ from: "8:00", to: "18:00", zone: UTC }]', '/time/0/from: must be a time of day'],
    ['time: [{ from: "08:00", to: "24:00", zone: UTC }]', '/time/0/to: must be a time of day'],
    ['time: [{ from: "08:00", to: "18:00" }]', '/time/0/zone: is missing'],
    [
      'time: [{ days: [monday], from: "08:00", to: "18:00", zone: UTC }]',
      'must be one of mon, tue',
    ],
    ['notAfter: 2026-12-01', '/notAfter: must be a date and time with its offset'],
    ['notAfter: 2026-13-01T00:00:00Z', '/notAfter: must be a date and time with its offset'],
    ['authentication: {}', '/authentication: must not be empty'],
    ['authentication: { maxAge: 900 }', '/authentication/maxAge: must be text, not 900'],
    ['risk: { atLeast: 101 }', '/risk/atLeast: must be at most 100'],
    ['risk: { below: .nan }', 'a value that JSON does not have'],
    ['headers: [{ name: X-Role, is: [a] }]', '/headers/0/name: must be the name of a header'],
    ['headers: [{ name: x-role }]', '/headers/0/is: is missing'],
    ['conditions: [a/b/c]', '/conditions/0: must be the name of a condition'],
    ['when: true', '/when: must be text, not true'],
    ['when: ""', '/when: must not be empty'],
    [`when: "${'x'.repeat(4097)}"`, '/when: is longer than 4096 characters'],
    [`pathsMatching: ["${'a'.repeat(65_536)}"]`, '/pathsMatching/0: is longer than 512'],
    [`groups: ["${'g'.repeat(65_536)}"]`, '/groups/0: is longer than 256 characters'],
    [`description: "${'d'.repeat(65_536)}"`, '/description: is longer than 1024 characters'],
    ['anonymous: false', '/anonymous: must be true'],
    ['group: [staff]', 'is not a known field; did you mean groups?'],
    ['__proto__: { groups: [staff] }', 'cannot be the name of a field'],
    ['constructor: { groups: [staff] }', '/constructor: is not a known field'],
  ])('is refused with a rule that says otherwise: $1', (fields, expected) => {
    const found = ofRule(fields);
    expect(found.join('\n')).toContain(expected);
    // Each names the line and the column at which it stands.
    for (const line of found) expect(line).toMatch(/^a\.yaml:\d+:\d+/);
    expect(parseDocuments(`${head}  allow:\n    - { name: x, ${fields} }`, 'a').documents).toEqual(
      [],
    );
  });

  it.each([
    ['expect: { outcome: allow }', 'must be one of permit, deny, sign_in, step_up'],
    ['expect: { outcome: permitt }', 'did you mean permit?'],
    ['expect: { outcome: deny, reason: group_mising }', 'did you mean group_missing?'],
    ['expect: { outcome: deny, rule: x }', '/expect/rule: must be a rule as policy/allow/rule'],
    ['expect:', '/expect: must be an object, not nothing'],
    ['device: 7', '/device: must be an object or null'],
    ['device: { manged: true }', '/device/manged: is not a known field; did you mean managed?'],
    ['headers: { X-Role: a }', '/headers/X-Role: is not a known field'],
    ['headers: { x-role: { a: b } }', '/headers/x-role: must be text or a list'],
    ['headers: { x-role: [1] }', '/headers/x-role/0: must be text, not 1'],
    ['user: {}', '/user/email: is missing'],
    ['session: { withoutDevice: false }', '/session/withoutDevice: must be true'],
    ['at: noon', '/at: must be a date and time with its offset'],
  ])('is refused with the test %j', (fields, expected) => {
    expect(ofTest(fields).join('\n')).toContain(expected);
  });

  it('for another release says that and nothing else', () => {
    const other = `${head.replace('/v1', '/v2')}  permit: []\n`;
    expect(problems(other)).toEqual([
      'a.yaml:1:1 /apiVersion: must be "sallyport.dev/v1": this document is for another release',
    ]);
  });

  it('is refused with values that YAML does not have and JSON code can make', () => {
    const allow = [{ name: 'x', risk: { atLeast: Number.NaN } }];
    expect(valueOf({ allow })).toEqual({
      problems: [{ field: '/spec/allow/0/risk/atLeast', message: 'must be a number' }],
    });
    const evil = JSON.parse('{"allow":[{"name":"x","__proto__":{"groups":["a"]}}]}') as unknown;
    expect(valueOf(evil)).toMatchObject({
      problems: [{ message: 'cannot be the name of a field' }],
    });
    // A hole in a list is nothing.
    const holes = { allow: [{ name: 'x', groups: Array.from({ length: 2 }) }] };
    expect(valueOf(holes)).toHaveProperty('problems');
  });

  it('is refused when it is nested 100 deep', () => {
    const deep = `${'['.repeat(100)}${']'.repeat(100)}`;
    expect(ofRule(`groups: ${deep}`).join('\n')).toContain('nested more than 32 deep');
    expect(valueOf({ allow: JSON.parse(deep) as unknown })).toEqual({
      problems: [{ field: '', message: 'is nested more than 32 deep' }],
    });
  });
});

describe('a service identity', () => {
  const service = (spec: string): string[] =>
    problems(
      `apiVersion: sallyport.dev/v1\nkind: ServiceIdentity\nmetadata: { name: ci }\nspec: ${spec}`,
    );
  const id = 'dev_01hx3k7m9q2r4t6v8w0y1z3a5b';

  it('names the devices that it runs as', () => {
    expect(service(`{ devices: [${id}] }`)).toEqual([]);
  });

  it.each([
    ['{}', '/spec/devices: is missing'],
    ['{ devices: [] }', '/spec/devices: must not be empty'],
    [`{ devices: [${id}, ${id}] }`, '/spec/devices: has the same entry twice'],
    ['{ devices: [laptop] }', '/spec/devices/0: must be the id of a device'],
    ['{ devices: [null] }', '/spec/devices/0: must be text, not nothing'],
  ])('is refused with the spec %s', (spec, expected) => {
    expect(service(spec).join('\n')).toContain(expected);
  });
});

describe('a large set', () => {
  const policyOf = (name: string, rules: number): unknown => ({
    apiVersion: 'sallyport.dev/v1',
    kind: 'Policy',
    metadata: { name },
    spec: {
      deny: Array.from({ length: rules }, (_, at) => ({ name: `r${at}`, groups: [`g${at}`] })),
    },
  });
  const base = `apiVersion: sallyport.dev/v1
kind: Settings
metadata: { name: default }
spec: { signIn: { host: signin.corp.example, identityProvider: corp } }
---
apiVersion: sallyport.dev/v1
kind: IdentityProvider
metadata: { name: corp }
spec: { issuer: https://login.corp.example, clientId: a, clientSecret: b }
`;
  const documentOf = (value: unknown): ConfigurationDocument => {
    const result = validateDocument(value, '');
    if ('problems' in result) throw new Error(JSON.stringify(result.problems));
    return result.document;
  };

  it('may have 10,000 rules, in one policy or in several, and not one more', () => {
    const { documents } = parseDocuments(base, 'a.yaml');
    const most = [...documents, documentOf(policyOf('all', 10_000))];
    expect(checkSet(most)).toEqual([]);
    expect(checkSet([...most, documentOf(policyOf('one-more', 1))])).toEqual([
      { field: '', message: 'the set has 10001 rules and may have 10000' },
    ]);
    expect(validateDocument(policyOf('all', 10_001), '')).toEqual({
      problems: [{ field: '/spec/deny', message: 'has more than 10000 entries' }],
    });
  }, 30_000);
});

describe('whatever is put in the place of whatever part', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../../docs/policy.md'), 'utf8');
  const documents = [...text.matchAll(/```yaml\n(apiVersion.*?)```/gs)].flatMap(
    ([, yaml = '']) => parseDocuments(yaml, 'policy.md').documents,
  );
  const strange = fc.constantFrom<unknown>(
    ...[null, undefined, true, 0, -1, 1.5, 2 ** 60, Number.NaN, Infinity, '', ' ', 'x', '\ud800'],
    ...['__proto__', '/**', '*', '::/0', 'serve', '9999999d', '2026-02-30T00:00:00Z', 'a/b', '**'],
    ...['x'.repeat(65_536), '(a+)+$', '[[1].map(x, x)]', [], [[]], {}, { name: 'x' }, [null]],
  );

  /** A copy in which the part at the end of the way is replaced. */
  function changed(value: unknown, way: readonly number[], by: unknown): unknown {
    const [turn, ...rest] = way;
    if (turn === undefined || typeof value !== 'object' || value === null) return by;
    const keys = Object.keys(value);
    const key = keys[turn % Math.max(keys.length, 1)];
    if (key === undefined) return by;
    const inner = changed((value as Record<string, unknown>)[key], rest, by);
    return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
  }

  it('a set is refused, or can be checked, tested and linted, and nothing is ever thrown', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...documents),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 8 }),
        strange,
        (document, way, by) => {
          const result = validateDocument(changed(document, way, by), '/documents/0');
          if ('problems' in result) {
            expect(result.problems.length).toBeGreaterThan(0);
            return;
          }
          accepted += 1;
          const set = [...documents.filter((one) => one !== document), result.document];
          for (const { message } of checkSet(set)) expect(message).not.toBe('');
          lintDocuments(set, { nowMs: 0 });
          runTests(set);
        },
      ),
      { numRuns: 1500 },
    );
    // Otherwise this would say nothing about what comes after the schema.
    expect(accepted).toBeGreaterThan(20);
  });
});
