import { describe, expect, test } from 'vitest';
import { compile, PolicyCompileError, type PolicySet } from './index.ts';

type Rule = Readonly<Record<string, unknown>>;

/** What is wrong with a set of one route whose policy allows by so many rules. */
function problemsWith(count: number, ruleOf: (at: number) => Rule): readonly object[] {
  const allow = Array.from({ length: count }, (_, at) => ({ name: `r${at}`, ...ruleOf(at) }));
  const set = {
    version: 1,
    routes: [
      {
        name: 'app',
        matches: [{ host: 'app.corp.test', path: '/**', methods: null }],
        policies: ['app'],
      },
    ],
    policies: [{ name: 'app', allow, deny: [], stepUp: [] }],
    globalPolicies: [],
  };
  try {
    compile(set as unknown as PolicySet);
    return [];
  } catch (error) {
    if (error instanceof PolicyCompileError) return error.problems;
    throw error;
  }
}

const tooSlow = {
  field: '/routes/0/policies',
  message: expect.stringContaining('could take') as unknown,
};

describe('row 111: all rules of a route together have a bound', () => {
  test.each<[what: string, ruleOf: (at: number) => Rule]>([
    [
      'an expression that matches a path',
      (at) => ({ when: `request.path.matches("(a|b)*${at}z")` }),
    ],
    ['an expression over groups', (at) => ({ when: `user.groups.exists(g, g.contains("${at}"))` })],
    ['an expression for paths', (at) => ({ pathsMatching: [`.*(a|b)*${at}z`] })],
  ])('%s may stand in twenty rules, and not in five hundred', (_what, ruleOf) => {
    expect(problemsWith(20, ruleOf)).toEqual([]);
    expect(problemsWith(500, ruleOf)).toEqual([tooSlow]);
  });

  test('a long list counts in each of the rules that it stands in', () => {
    const sourceNetworks = Array.from(
      { length: 4_000 },
      (_, at) => `10.${at >> 8}.${at & 255}.0/24`,
    );
    expect(problemsWith(1, () => ({ sourceNetworks }))).toEqual([]);
    expect(problemsWith(500, () => ({ sourceNetworks }))).toEqual([tooSlow]);
  });

  test('ten thousand ordinary rules are within it', () => {
    const time = [{ from: '08:00', to: '18:00', zone: 'Europe/Berlin' }];
    const posture = [{ name: 'disk-encrypted', is: true }];
    const ruleOf = (at: number) => ({
      groups: [`g${at}`],
      paths: [`/p${at}/**`, `/q${at}`],
      sourceNetworks: ['10.0.0.0/8', '2001:db8::/32'],
      device: { managed: true, posture },
      time,
      when: 'request.method == "GET" && !device.managed',
    });
    expect(problemsWith(10_000, ruleOf)).toEqual([]);
  });
});

test('row 111: regular expressions of a set have a bound together, beyond which none is compiled', () => {
  const ruleOf = (at: number) => ({
    groups: ['a'],
    pathsMatching: Array.from({ length: 20 }, (_, more) => `(a|b)*${at}-${more}z{200}`),
  });
  const message: unknown = expect.stringContaining('is one of too many in this set');
  const problems = problemsWith(200, ruleOf);
  expect(problems).toHaveLength(1_000);
  expect(problems.at(-1)).toMatchObject({ message });
});
