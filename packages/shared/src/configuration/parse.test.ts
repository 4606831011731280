import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocuments, placesIn, validateDocument } from './parse.ts';

const route = `apiVersion: sallyport.dev/v1
kind: Route
metadata:
  name: wiki
spec:
  match:
    - host: wiki.corp.example
  policies: [employees]
  upstream:
    url: https://10.0.0.1
`;

/** Problems as lines, the way the command line prints them. */
const problems = (text: string): string[] =>
  parseDocuments(text, 'a.yaml').problems.map(({ field, message }) => `${field}: ${message}`);

describe('a configuration file', () => {
  it('holds one or more documents, in YAML or JSON, also as a list', () => {
    const one = parseDocuments(route, 'a.yaml');
    expect(one).toMatchObject({ problems: [], documents: [{ kind: 'Route' }] });
    const [document] = one.documents;
    const many = [
      `${route}---\n${route}`,
      `# a comment\n---\n${route}...\n---\n---\n${route}`,
      JSON.stringify([document, document]),
      JSON.stringify([document, document], null, '\t'),
    ];
    for (const text of many) {
      expect(parseDocuments(text, 'a.json')).toMatchObject({
        documents: [document, document],
        problems: [],
      });
    }
    expect(parseDocuments('# nothing\n', 'a.yaml')).toEqual({
      documents: [],
      places: [],
      problems: [],
    });
  });

  it('knows where everything in it stands', () => {
    const files = [
      parseDocuments(`${route}---\n${route.replace('name: wiki', 'name: other')}`, 'a.yaml'),
      parseDocuments(
        `[${JSON.stringify({ ...parseDocuments(route, 'x').documents[0] }).replace('"wiki"', '"third"')}]`,
        'b.json',
      ),
    ];
    const place = placesIn(files);
    expect(place('Route/wiki', '/spec/match/0/host')).toBe('a.yaml:7:7');
    expect(place('Route/other', '/spec/policies/0')).toBe('a.yaml:19:14');
    expect(place('Route/other', '/spec/policies/7')).toBe('a.yaml:19:3');
    expect(place('Route/third', '/spec')).toMatch(/^b\.json:1:\d\d+$/);
    expect(place('Route/fourth', '/spec')).toBe(null);
  });

  it('gives the good documents next to the problems of the others', () => {
    const parsed = parseDocuments(`${route}---\nkind: Route\n`, 'a.yaml');
    expect(parsed.documents).toHaveLength(1);
    expect(parsed.problems.length).toBeGreaterThan(0);
  });

  it('names file, line, column and pointer of every problem at once, with a hint', () => {
    const text = route
      .replace('host: wiki', 'hots: wiki')
      .replace('policies: [employees]', 'policies: employees')
      .replace('url: https', 'url: ftp');
    expect(problems(text)).toEqual([
      'a.yaml:7:7 /spec/match/0/host: is missing',
      'a.yaml:7:7 /spec/match/0/hots: is not a known field; did you mean host?',
      'a.yaml:8:3 /spec/policies: must be a list, not text',
      'a.yaml:10:5 /spec/upstream/url: must be a URL that starts with https://',
    ]);
  });

  it('says of staleness budgets all that is wrong, each at its place', () => {
    const budgets = `  staleness:
    revokes: serve
    signals: never
    config: {}
    directory:
      denyAfter: 90
      stepUpAfter: 1.5h
      deny: 1h
`;
    const threshold = 'a duration such as 90s, 15m, 12h or 7d, or the word serve';
    expect(problems(route + budgets)).toEqual([
      'a.yaml:12:5 /spec/staleness/revokes: is not a known field; did you mean revoke?',
      'a.yaml:13:5 /spec/staleness/signals: must be serve or an object',
      'a.yaml:14:5 /spec/staleness/config: must not be empty',
      'a.yaml:16:7 /spec/staleness/directory/denyAfter: must be text, not 90',
      `a.yaml:17:7 /spec/staleness/directory/stepUpAfter: must be ${threshold}`,
      'a.yaml:18:7 /spec/staleness/directory/deny: is not a known field; known are stepUpAfter, denyNewSessionsAfter, denyAfter',
    ]);
  });

  it.each([
    ['a field beside the known ones', 'x: 1', 'a.yaml:11:1 /x: is not a known field; known are'],
    ['another version', 'apiVersion: v2', 'a.yaml:11:1: the key "apiVersion" is here twice'],
  ])('refuses %s', (_, line, expected) => {
    expect(problems(`${route}${line}\n`).join('\n')).toContain(expected);
  });

  it.each([
    ['kind: Rout', '/kind: "Rout" is not a known kind; did you mean Route?'],
    ['kind: Banana', 'known are Route, Policy'],
    ['kind: 7', '/kind: must be one of Route'],
    ['kind: __proto__', 'not a known kind'],
    ['apiVersion: sallyport.dev/v2\nkind: Route', '/apiVersion: must be "sallyport.dev/v1"'],
    ['just text', 'must be an object with apiVersion'],
    ['- 1', 'a.yaml:1:3: must be an object with apiVersion'],
  ])('refuses a document that is %j', (text, expected) => {
    expect(problems(text).join('\n')).toContain(expected);
  });

  it.each([
    ['a list that is cut off', 'a: [1, 2\n', 'a.yaml:2:1: '],
    ['text that is cut off', 'a: "b\n', 'a.yaml:'],
    ['JSON that is cut off', '{"a": 1', 'a.yaml:1:8: '],
    ['a tab as indentation', 'a:\n\tb: 1\n', 'a.yaml:2:'],
    ['two values on a line', 'a: b: c\n', 'a.yaml:1:4: '],
  ])('refuses %s with file and line', (_, text, expected) => {
    expect(problems(text)[0]).toContain(expected);
    expect(parseDocuments(text, 'a.yaml').documents).toEqual([]);
  });

  it('refuses the same key twice, with its place', () => {
    expect(problems('{"kind": "Route", "kind": "Policy"}')).toContain(
      'a.yaml:1:19: the key "kind" is here twice',
    );
    const twice = `${route.trimEnd()}\n    url: https://evil.example\n`;
    expect(problems(twice)).toEqual(['a.yaml:11:5: the key "url" is here twice']);
    expect(parseDocuments(twice, 'a.yaml').documents).toEqual([]);
  });

  it.each([
    ['keys that are not text', '1: a', 'a key must be text'],
    ['keys that are lists', '? [a]\n: 1', 'a key must be text'],
    ['tags', 'a: !!binary aGk=', 'is not supported'],
    ['tags of their own', 'a: !foo 1', 'the tag !foo is not supported'],
    ['anchors that are not there', 'a: *b', 'there is no anchor b'],
    ['numbers that JSON does not have', 'a: .nan', 'a value that JSON does not have'],
    ['numbers out of range', 'a: 1e400', 'a value that JSON does not have'],
    ['a name that JavaScript gives a meaning', '__proto__: {kind: Route}', 'cannot be the name'],
  ])('refuses %s', (_, text, expected) => {
    expect(problems(text).join('\n')).toContain(expected);
  });

  it('reads yes, 012 and << as YAML 1.2 does, whatever a directive says', () => {
    const text = `%YAML 1.1\n---\n${route}`.replace('name: wiki', 'name: yes');
    expect(parseDocuments(text, 'a').documents[0]?.metadata.name).toBe('yes');
    const merged = route.replace('name: wiki', 'name: wiki\n  <<: {owner: me}');
    expect(problems(merged).join('\n')).toContain('/metadata/<<: is not a known field');
  });

  it('lets an anchor stand for what it names', () => {
    const text = route
      .replace('policies: [employees]', 'policies: &list [employees]')
      .replace('    - host', '    - methods: &methods [GET]\n      host');
    expect(parseDocuments(text, 'a.yaml').problems).toEqual([]);
    const used = text
      .replace('metadata:', 'metadata: # *list')
      .replace('upstream:', 'identity: {groups: *list}\n  upstream:');
    const [document] = parseDocuments(used, 'a.yaml').documents;
    expect(document).toMatchObject({ spec: { identity: { groups: ['employees'] } } });
  });

  it('names no identity provider for one route: who signs users in is for the settings', () => {
    const text = route.replace('upstream:', 'identityProvider: idp\n  upstream:');
    expect(problems(text).join('\n')).toContain('/spec/identityProvider');
  });

  it('is refused when aliases multiply or go round in a circle', () => {
    let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let level = 1; level < 12; level += 1) {
      const inner = Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ');
      bomb += `a${level}: &a${level} [${inner}]\n`;
    }
    expect(problems(bomb).join('\n')).toContain('values, aliases expanded');
    expect(problems('a: &a [*a]').join('\n')).toMatch(/nested more than 32 deep|no anchor/);
  });

  it('is refused when it is nested too deep, in every style', () => {
    for (const text of [
      '['.repeat(10_000),
      `${'['.repeat(40)}${']'.repeat(40)}`,
      '{a: '.repeat(10_000),
      '- '.repeat(10_000),
      '? '.repeat(10_000),
    ]) {
      const parsed = parseDocuments(text, 'a.yaml');
      expect(parsed.documents).toEqual([]);
      expect(parsed.problems.length).toBeGreaterThan(0);
    }
    const nested = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`) as unknown;
    expect(validateDocument(nested, '')).toEqual({
      problems: [{ field: '', message: 'is nested more than 32 deep' }],
    });
  });

  it('is refused when it is larger than 1 MiB, before anything is read', () => {
    const text = `${route}# ${'x'.repeat(1_048_576)}`;
    expect(problems(text)).toEqual(['a.yaml:1:1: the file is larger than 1048576 bytes']);
  });

  it('is not passed over where its whole text hangs on a tag that nobody knows', () => {
    expect(problems(`? !#!${route}`).length).toBeGreaterThan(0);
  });

  it('is never able to throw, whatever is put into it', () => {
    const piece = fc.constantFrom(
      ...'{}[]:,-?&*!|>"%@`#\n\t\0 '.split(''),
      '---\n',
      '<<',
      '\ufeff',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.nat(route.length), fc.array(piece, { maxLength: 8 }), (at, pieces) => {
        const text = route.slice(0, at) + pieces.join('') + route.slice(at);
        const { documents, problems: found } = parseDocuments(text, 'a.yaml');
        if (documents.length === 0) expect(found.length).toBeGreaterThan(0);
        for (const { field } of found) expect(field).toMatch(/^a\.yaml:\d+:\d+/);
      }),
      { numRuns: 200 },
    );
  });

  it('lists no more problems than a person would read', () => {
    const lines = problems('- 1\n'.repeat(1000));
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('a.yaml: and 900 more problems');
  });
});

describe('a document', () => {
  const settings = (spec: unknown) =>
    validateDocument(
      { apiVersion: 'sallyport.dev/v1', kind: 'Settings', metadata: { name: 'default' }, spec },
      '/documents/0',
    );
  const signIn = { host: 'signin.corp.example', identityProvider: 'idp' };

  it('is returned when it is of its kind', () => {
    expect(settings({ signIn })).toMatchObject({ document: { kind: 'Settings' } });
  });

  it.each([
    [{ signIn, session: { lifetimeSeconds: 1.5 } }, 'must be a whole number, not 1.5'],
    [{ signIn, session: { lifetimeSeconds: 5 } }, 'must be at least 60'],
    [{ signIn, session: { lifetimeSeconds: '60' } }, 'must be a whole number, not text'],
    [{ signIn, session: null }, 'must be an object, not nothing'],
    [{ signIn, policies: ['a', 'a'] }, 'has the same entry twice'],
    [{ signIn, policies: ['A'] }, 'must be a name of a to z'],
    [{ signIn, network: { internal: [] } }, 'must not be empty'],
    [{ signIn: { ...signIn, host: 'Signin.example' } }, 'must be a DNS name'],
    [{}, 'is missing'],
    [Number.NaN, 'must be a number'],
    ['\ud800', 'must be well-formed Unicode'],
  ])('is refused with the spec %j', (spec, expected) => {
    const result = settings(spec);
    expect('problems' in result && result.problems[0]?.message).toContain(expected);
    expect('problems' in result && result.problems[0]?.field).toMatch(/^\/documents\/0\/spec/);
  });

  it('tells more than eight problems together', () => {
    const spec = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x${index}`, 1]));
    const result = settings({ signIn, ...spec });
    expect('problems' in result ? result.problems : []).toHaveLength(30);
  });

  it.each([null, undefined, 7, 'Route', [], new Map()])('is not %j', (value) => {
    expect(validateDocument(value, 'x')).toHaveProperty('problems');
  });
});
