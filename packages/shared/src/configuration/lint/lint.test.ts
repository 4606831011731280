import { describe, expect, it } from 'vitest';
import type { ConfigurationDocument } from '../documents.ts';
import { parseDocuments } from '../parse.ts';
import { lintDocuments } from './lint.ts';

const nowMs = Date.parse('2026-11-01T00:00:00Z');
const tests = `  tests:
    - name: a stranger signs in
      request: { url: https://wiki.corp.example/ }
      expect: { outcome: sign_in }
`;
const read = (text: string): readonly ConfigurationDocument[] => {
  const { documents, problems } = parseDocuments(text, 'a.yaml');
  expect(problems).toEqual([]);
  return documents;
};
const route = (name: string, policies: string, match = '{ host: wiki.corp.example }'): string => `
---
apiVersion: sallyport.dev/v1
kind: Route
metadata: { name: ${name} }
spec:
  match: [${match}]
  policies: [${policies}]
  upstream: { url: https://wiki.internal.corp.example }
`;
const settings = (policies: string): string => `
---
apiVersion: sallyport.dev/v1
kind: Settings
metadata: { name: default }
spec:
  signIn: { host: signin.corp.example, identityProvider: corp }
  policies: [${policies}]
`;
const policy = (name: string, spec: string): string => `
---
apiVersion: sallyport.dev/v1
kind: Policy
metadata: { name: ${name} }
spec:
${spec}${tests}`;
const rules = (kind: string, ...list: string[]): string =>
  `  ${kind}:\n${list.map((rule) => `    - { ${rule} }\n`).join('')}`;

/** Findings as the command line prints them, code first. */
const lint = (...texts: string[]): string[] =>
  lintDocuments(read(texts.join('')), { nowMs }).map(
    ({ code, document, path, message }) => `${code} ${document} ${path}: ${message}`,
  );
const codes = (...texts: string[]): string[] =>
  lint(...texts).map((line) => line.split(' ')[0] ?? '');
/** Two rules of one policy of one route. */
const pair = (kind: string, wide: string, narrow: string): string[] =>
  lint(route('wiki', 'p'), policy('p', rules(kind, `name: a, ${wide}`, `name: b, ${narrow}`)));

describe('lint', () => {
  it('names routes whose upstream is reached without TLS', () => {
    const plain = route('wiki', 'p').replace(
      '{ url: https://wiki.internal.corp.example }',
      '{ url: http://wiki.internal.corp.example, plainHttp: true }',
    );
    const staff = policy('p', rules('allow', 'name: a, groups: [x]'));
    expect(codes(route('wiki', 'p'), staff)).not.toContain('plain_http_upstream');
    expect(lint(plain, staff).join()).toContain(
      'plain_http_upstream Route/wiki /spec/upstream/plainHttp: ',
    );
  });

  it('names settings of forwarding where a front proxy forwards by itself', () => {
    const proxies = (...hosts: string[]) => `${settings('p')}  forwardAuth:
    proxies:
      - name: wiki-nginx
        certificates: [${'0f'.repeat(32)}]
        dialect: nginx
        hosts: [${hosts.map((host) => `'${host}'`).join(', ')}]
`;
    const tuned = (match?: string) =>
      route('wiki', 'p', match).replace(
        'corp.example }\n',
        `corp.example, retry: { attempts: 0 } }
  webSocket: { origins: ['https://a.example'], timeouts: { idle: 1h } }
  headers: { response: { remove: [Server] } }
`,
      );
    const staff = policy('p', rules('allow', 'name: a, groups: [x]'));
    const found = (...texts: string[]) =>
      lint(...texts, staff).filter((line) => line.startsWith('not_forwarded_here'));
    const all = ['/spec/headers', '/spec/upstream/retry', '/spec/webSocket/timeouts'];
    const by = 'has no effect on what is forwarded by wiki-nginx, which only asks for verdicts';
    const expected = all.map((path) => `not_forwarded_here Route/wiki ${path}: ${by}`);
    expect(found(tuned(), proxies('wiki.corp.example'))).toEqual(expected);
    expect(found(tuned(), proxies('*.corp.example'))).toEqual(expected);
    expect(found(tuned("{ host: '*.corp.example' }"), proxies('*.corp.example'))).toEqual(expected);
    // What it does not serve, or not alone, is forwarded by the edge.
    expect(found(tuned(), settings('p'))).toEqual([]);
    expect(found(tuned("{ host: '*.corp.example' }"), proxies('wiki.corp.example'))).toEqual([]);
    expect(found(tuned('{ host: a.b.corp.example }'), proxies('*.corp.example'))).toEqual([]);
    const two = tuned('{ host: wiki.corp.example }, { host: other.example }');
    expect(found(two, proxies('wiki.corp.example'))).toEqual([]);
    expect(found(route('wiki', 'p'), proxies('wiki.corp.example'))).toEqual([]);
  });

  it('finds nothing in documents that say what they mean', () => {
    const documents = `${route('wiki', 'p, base')}${settings('q')}${policy(
      'p',
      rules(
        'allow',
        'name: editors, groups: [editors]',
        'name: contractors-read, groups: [contractors], methods: [GET, HEAD]',
        'name: at-work, groups: [staff], conditions: [base/office]',
      ) + rules('deny', 'name: export, paths: [/export/**]'),
    )}${policy('q', rules('deny', 'name: abroad, countries: [KP]'))}${policy(
      'base',
      '  conditions:\n    - { name: office, sourceNetworks: [10.0.0.0/8] }\n',
    )}`;
    expect(lint(documents)).toEqual([]);
  });

  it.each([
    ['the same', 'groups: [x]', 'groups: [x]'],
    ['fewer groups', 'groups: [x, y]', 'groups: [y]'],
    ['one condition more', 'groups: [x]', 'groups: [x], methods: [GET]'],
    ['the same person', 'users: [Alice@corp.example]', 'users: [alice@corp.example]'],
    ['a path below', 'paths: [/a/**]', 'paths: [/a/b, "/a/{c}/d/**"]'],
    ['a network inside', 'sourceNetworks: [10.0.0.0/8]', 'sourceNetworks: [10.20.0.0/16]'],
    ['a managed device', 'device: { known: true }', 'device: { managed: true }'],
    ['a fresher sign-in', 'authentication: { maxAge: 1h }', 'authentication: { maxAge: 5m }'],
    ['a shorter time', 'groups: [x]', 'groups: [x], notAfter: 2027-01-01T00:00:00Z'],
    ['less risk', 'risk: { below: 80 }', 'risk: { below: 20 }'],
    [
      'all of more',
      'headers: [{ name: a, is: [b] }]',
      'headers: [{ name: a, is: [b] }, { name: c, is: [d] }]',
    ],
    ['an expression more', 'groups: [x]', 'groups: [x], when: "true"'],
  ])('finds a rule that changes nothing beside another: %s', (_, wide, narrow) => {
    expect(pair('allow', wide, narrow)).toEqual([
      'shadowed Policy/p /spec/allow/1: changes nothing: p/allow/a applies wherever it does',
    ]);
  });

  it.each([
    ['groups: [x]', 'groups: [x, y]'],
    ['groups: [x]', 'users: [x@corp.example]'],
    ['groups: [x], methods: [GET]', 'groups: [x]'],
    ['paths: [/a/b]', 'paths: [/a/**]'],
    ['paths: [/a]', 'paths: [/b]'],
    ['sourceNetworks: [10.0.0.0/8]', 'sourceNetworks: ["fd00::/8"]'],
    ['device: { managed: true }', 'device: { known: true }'],
    ['device: { managed: false }', 'device: { managed: true }'],
    ['authentication: { maxAge: 5m }', 'authentication: { maxAge: 1h }'],
    ['authentication: { amr: [hwk] }', 'authentication: { maxAge: 1h }'],
    ['headers: [{ name: a, is: [b] }]', 'headers: [{ name: a, is: [b, c] }]'],
    ['when: "true"', 'when: "1 == 1"'],
    // A service needs no session, and so is let in by the second rule alone.
    ['device: { known: true }', 'services: [ci], device: { known: true }'],
  ])('takes no rule for covered by one that is narrower, or other: %s and %s', (one, other) => {
    expect(pair('allow', one, other).join()).not.toContain('/spec/allow/1: changes nothing');
  });

  it('names one of two equal rules, and never both', () => {
    const found = pair('deny', 'groups: [x]', 'groups: [x]');
    expect(found).toHaveLength(1);
  });

  it('compares what step-up rules require', () => {
    const fresh = (maxAge: string) => `groups: [x], require: { maxAge: ${maxAge} }`;
    expect(pair('stepUp', fresh('60s'), fresh('5m'))[0]).toContain(
      '/spec/stepUp/1: changes nothing',
    );
    expect(pair('stepUp', fresh('5m'), fresh('60s'))[0]).toContain(
      '/spec/stepUp/0: changes nothing',
    );
    expect(pair('stepUp', fresh('5m'), 'groups: [x], require: { amr: [hwk] }')).toEqual([]);
  });

  it('looks at every set of rules in which the narrower rule stands', () => {
    const wide = policy('wide', rules('deny', 'name: a, groups: [x]'));
    const narrow = policy('narrow', rules('deny', 'name: b, groups: [x], methods: [GET]'));
    const other = '{ host: other.corp.example }';
    expect(codes(wide, narrow, route('one', 'wide, narrow'))).toEqual(['shadowed']);
    expect(
      codes(wide, narrow, route('one', 'wide, narrow'), route('two', 'narrow', other)),
    ).toEqual([]);
    expect(codes(wide, narrow, route('one', 'narrow'), settings('wide'))).toEqual(['shadowed']);
    expect(codes(wide, narrow, route('one', 'wide'), settings('narrow'))).toEqual([]);
  });

  it('finds an allow rule that a deny rule takes everything from', () => {
    const deny = policy('base', rules('deny', 'name: no-export, paths: [/export/**]'));
    const allow = policy('p', rules('allow', 'name: a, groups: [x], paths: [/export/all]'));
    expect(lint(route('wiki', 'p, base'), deny, allow)).toEqual([
      'always_denied Policy/p /spec/allow/0: lets nobody in: base/deny/no-export denies whatever it allows',
    ]);
  });

  it.each([
    [
      'a period that ends before it begins',
      'notBefore: 2027-01-02T00:00:00Z, notAfter: 2027-01-01T00:00:00Z',
    ],
    ['a path that no route has', 'paths: [/b/**]'],
    ['a method that no route has', 'methods: [DELETE]'],
    ['a method that its condition rules out', 'methods: [GET], conditions: [post]'],
  ])('finds a rule that can never match: %s', (_, conditions) => {
    const named = '  conditions:\n    - { name: post, methods: [POST] }\n';
    const found = lint(
      route('wiki', 'p', '{ host: wiki.corp.example, path: /a/**, methods: [GET, POST] }'),
      policy(
        'p',
        named +
          rules(
            'deny',
            `name: a, groups: [x], ${conditions}`,
            'name: b, groups: [y], conditions: [post]',
          ),
      ),
    );
    expect(found).toEqual([
      expect.stringMatching(/^never_matches Policy\/p \/spec\/deny\/0: can never/),
    ]);
  });

  it('finds dates that have passed, where it is told the time', () => {
    const ended = 'name: a, groups: [x], notAfter: 2026-10-01T00:00:00Z';
    const documents = route('wiki', 'p').replace(
      'policies:',
      'monitor: { until: 2026-10-01T00:00:00Z }\n  policies:',
    );
    const all = read(documents + policy('p', rules('allow', ended)));
    expect(lintDocuments(all, { nowMs }).map(({ code }) => code)).toEqual([
      'expired',
      'monitor_ended',
    ]);
    expect(lintDocuments(all)).toEqual([]);
  });

  it.each([
    ['allow', 'name: staff-read, groups: [staff]', 'says read and allows every method'],
    ['allow', 'name: readonly, groups: [x], methods: [GET, POST]', 'says readonly and allows POST'],
    [
      'allow',
      'name: managed-only, device: { managed: true }',
      'says only, and an allow rule keeps',
    ],
    ['allow', 'name: staff-in-office, countries: [DE]', 'names the group staff, which is not'],
    ['deny', 'name: staff-export, paths: [/export]', 'names the group staff, which is not'],
  ])('finds a rule that is wider than its name: %s %s', (kind, rule, expected) => {
    const others = policy(
      'others',
      rules('deny', 'name: abroad, groups: [staff], countries: [KP]'),
    );
    const found = lint(route('wiki', 'p, others'), others, policy('p', rules(kind, rule)));
    expect(found).toEqual([expect.stringContaining(expected)]);
    expect(found[0]).toContain(`wider_than_its_name Policy/p /spec/${kind}/0/name`);
  });

  it('trusts an expression to ask for what the name says', () => {
    const rule = `name: staff-read, when: 'request.method == "GET" && "staff" in user.groups'`;
    const others = policy('others', rules('deny', 'name: x, groups: [staff]'));
    expect(lint(route('wiki', 'p, others'), others, policy('p', rules('allow', rule)))).toEqual([]);
  });

  it('finds what is used by nothing, tested by nothing, or written as a regular expression', () => {
    const documents = [
      route('wiki', 'p'),
      policy(
        'p',
        `  conditions: [{ name: office, countries: [DE] }]\n${rules('deny', 'name: a, pathsMatching: ["/a[0-9]"]')}`,
      ),
      policy('lonely', rules('deny', 'name: b, groups: [x]')).replace(tests, ''),
    ];
    expect(lint(...documents)).toEqual([
      'policy_unused Policy/lonely /metadata/name: holds for no route: name it in a route, or in the settings for all',
      'tests_missing Policy/lonely /spec/tests: has rules and no tests: nothing would notice a change of what they mean',
      'condition_unused Policy/p /spec/conditions/0: no rule names the condition office',
      'regular_expression Policy/p /spec/deny/0/pathsMatching: is a regular expression: paths says the same in a way that is read and indexed more easily',
    ]);
  });

  it.each([
    ['employes', 'employees'],
    ['Employees', 'employees'],
    ['sales-germny', 'sales-germany'],
  ])('finds a group that is named once and looks like another: %s', (once, often) => {
    const all = rules(
      'deny',
      `name: a, groups: [${often}], paths: [/a]`,
      `name: b, groups: [${once}], paths: [/b]`,
      `name: c, groups: [${often}], paths: [/c]`,
    );
    expect(lint(route('wiki', 'p'), policy('p', all))).toEqual([
      `group_misspelt Policy/p /spec/deny/1/groups/0: the group ${once} is named here alone; did you mean ${often}?`,
    ]);
  });

  it.each([
    ['team-b', 'team-a'],
    ['sales2', 'sales1'],
    ['sales', 'sales-eu'],
    ['admins', 'employees'],
  ])('leaves names alone that are meant to be alike, or are not: %s', (once, often) => {
    const named = `identity: { groups: [${often}] }\n  policies:`;
    const all = rules(
      'deny',
      `name: a, groups: [${often}], paths: [/a]`,
      `name: b, groups: [${once}], paths: [/b]`,
    );
    const wiki = route('wiki', 'p').replace('policies:', named);
    expect(lint(wiki, policy('p', all))).toEqual([]);
  });

  it.each([
    ['request.path == "/admin"', '/admin'],
    ['"/admin" != request.path', '/admin'],
    ["user.email.endsWith('@corp.example') && request.path in ['/a/', '/b']", '/b'],
  ])('finds a path that is compared as a text (row 60): %s', (when, path) => {
    const quoted = when.replaceAll("'", "''");
    const deny = `  deny:\n    - { name: a, groups: [x], when: '${quoted}' }\n`;
    const message = `compares request.path with ${path} and says nothing of ${path}/: paths takes them for one`;
    expect(lint(route('wiki', 'p'), policy('p', deny))).toEqual([
      `path_as_text Policy/p /spec/deny/0/when: ${message}`,
    ]);
  });

  it.each([
    ['request.path == "/admin" || request.path.startsWith("/admin/")'],
    ['request.path in ["/admin", "/admin/"]'],
    ['request.path.startsWith("/admin/")'],
    ['request.path.matches("^/a(/|$)")'],
    ['request.host == "wiki.corp.example"'],
  ])('says nothing of a path that is compared with care: %s', (when) => {
    const deny = `  deny:\n    - { name: a, groups: [x], when: '${when}' }\n`;
    expect(lint(route('wiki', 'p'), policy('p', deny))).toEqual([]);
  });

  it('ends on a large set, and on conditions that go round in a circle', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => ({
      name: `r${at}`,
      when: `${at} == 1`,
    }));
    const [first] = read(policy('p', '').replace(tests, '  deny: []\n'));
    const large = { ...first, spec: { deny: many } } as ConfigurationDocument;
    expect(lintDocuments([large]).map(({ code }) => code)).toEqual([
      'policy_unused',
      'tests_missing',
    ]);
    const circle =
      '  conditions:\n    - { name: a, conditions: [b] }\n    - { name: b, conditions: [a] }\n';
    expect(
      codes(route('wiki', 'p'), policy('p', circle + rules('deny', 'name: x, conditions: [a]'))),
    ).toEqual([]);
  });
});
