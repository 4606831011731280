import { describe, expect, test } from 'vitest';
import {
  compile,
  decide,
  explain,
  type Facts,
  PolicyCompileError,
  type PolicySet,
} from './index.ts';

const rule = (conditions: unknown) => ({ name: 'r', anonymous: true, conditions });
const setOf = (
  conditions: readonly object[],
  named: unknown = ['a'],
  others: readonly object[] = [],
) =>
  ({
    version: 1,
    routes: [
      { name: 'app', matches: [{ host: 'a.test', path: '/**', methods: null }], policies: ['p'] },
    ],
    policies: [
      { name: 'p', allow: [rule(named)], deny: [], stepUp: [], conditions },
      { name: 'q', allow: [], deny: [], stepUp: [], conditions: others },
    ],
    globalPolicies: [],
    staleness: { revoke: 'serve' },
  }) as unknown as PolicySet;

function problemsOf(set: PolicySet): readonly string[] {
  try {
    compile(set);
    return [];
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    return error.problems.map(({ field, message }) => `${field} ${message}`);
  }
}

const get = { name: 'a', methods: ['GET'] };

describe('named conditions', () => {
  test('one may name others, of its policy and of another', () => {
    const set = setOf(
      [
        { name: 'a', conditions: ['b', 'q/c'] },
        { name: 'b', methods: ['GET'] },
      ],
      ['a'],
      [
        { name: 'c', conditions: ['d'] },
        { name: 'd', paths: ['/x'] },
      ],
    );
    expect(problemsOf(set)).toEqual([]);
  });

  test('a circle is refused with the way round it, once', () => {
    const set = setOf(
      [
        { name: 'a', conditions: ['b'] },
        { name: 'b', conditions: ['q/c'] },
      ],
      ['a', 'b'],
      [{ name: 'c', conditions: ['p/b'] }],
    );
    const [first, ...more] = problemsOf(set);
    expect(first).toBe(
      '/policies/1/conditions/0/conditions/0 goes round in a circle: p/b -> q/c -> p/b',
    );
    expect(more).toEqual([]);
  });

  test('one that names itself is a circle', () => {
    expect(problemsOf(setOf([{ name: 'a', conditions: ['a'] }]))).toEqual([
      '/policies/0/conditions/0/conditions/0 goes round in a circle: p/a -> p/a',
    ]);
  });

  test.each<[string, PolicySet, string]>([
    ['an unknown name', setOf([get], ['b']), '/policies/0/allow/0/conditions/0 there is no'],
    [
      'a name of another policy',
      setOf([], ['c'], [{ ...get, name: 'c' }]),
      'there is no condition named p/c',
    ],
    ['a path', setOf([get], ['p/a/b']), 'there is no condition named p/a/b'],
    ['nothing', setOf([get], []), '/policies/0/allow/0/conditions must not be empty'],
    ['null', setOf([get], null), '/policies/0/allow/0/conditions must be a list'],
    ['a prototype', setOf([get], ['__proto__']), 'there is no condition named p/__proto__'],
    [
      'two of one name',
      setOf([get, get]),
      '/policies/0/conditions/1/name there are two conditions p/a',
    ],
    [
      'one without a condition',
      setOf([{ name: 'a' }]),
      '/policies/0/conditions/0 a named condition needs a condition',
    ],
    [
      'one that is anonymous',
      setOf([{ ...get, anonymous: true }]),
      '/policies/0/conditions/0/anonymous is not a known field',
    ],
    [
      'one that nobody names and that is wrong',
      setOf([get, { name: 'b', methods: ['get'] }]),
      '/policies/0/conditions/1/methods/0',
    ],
    [
      'a user in an anonymous rule',
      setOf([{ name: 'a', groups: ['g'] }]),
      '/policies/0/allow/0/conditions asks for a user',
    ],
  ])('%s is refused', (_title, set, expected) => {
    expect(problemsOf(set).join('\n')).toContain(expected);
  });

  test('what is wrong is said once, however many rules of whatever kind name it', () => {
    const set = setOf([{ name: 'a', methods: ['get'] }], ['a', 'a']);
    const deny = { name: 'd', conditions: ['a'] };
    const [first, ...rest] = set.policies;
    const wrong = { ...set, policies: [{ ...first, deny: [deny] }, ...rest] } as PolicySet;
    expect(problemsOf(wrong)).toHaveLength(1);
  });

  test('a chain may be long but not without bound', () => {
    const chain = (length: number) => [
      ...Array.from({ length: length - 1 }, (_, at) => ({
        name: at === 0 ? 'a' : `c${at}`,
        conditions: [`c${at + 1}`],
      })),
      { ...get, name: `c${length - 1}` },
    ];
    expect(problemsOf(setOf(chain(16)))).toEqual([]);
    expect(problemsOf(setOf(chain(18)))[0]).toContain('is named through more than 16 others');
    expect(problemsOf(setOf(chain(5000)))[0]).toContain('is named through more than 16 others');
  });

  test('doubling at each step comes to no more than what is there', () => {
    const doubled = Array.from({ length: 14 }, (_, at) => ({
      name: at === 0 ? 'a' : `c${at}`,
      conditions: [`c${at + 1}`, `c${at + 1}`, `c${at + 1}`],
    }));
    expect(problemsOf(setOf([...doubled, { ...get, name: 'c14' }]))).toEqual([]);
  });

  test('one comes to a bounded number of conditions', () => {
    const many = Array.from({ length: 65 }, (_, at) => ({ name: `c${at}`, methods: ['GET'] }));
    const all = { name: 'a', conditions: many.map(({ name }) => name) };
    expect(problemsOf(setOf([all, ...many]))).toEqual([
      '/policies/0/conditions/0 comes to more than 64 conditions',
    ]);
  });

  test('a trace says which one a condition is from', () => {
    const facts: Facts = {
      nowMs: 0,
      request: { method: 'GET', host: 'a.test', path: '/', headers: {} },
      sourceAddress: '192.0.2.1',
      device: { kind: 'none' },
      session: { kind: 'none' },
      user: { kind: 'none' },
      place: null,
      risk: null,
      lockdown: false,
      staleness: { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 },
    };
    const compiled = compile(setOf([get]));
    expect(decide(compiled, facts).outcome).toBe('permit');
    const step = explain(compiled, facts).trace.find((one) => one.step === 'rule');
    expect(step).toMatchObject({ conditions: [{ field: 'a.methods', value: 'true' }] });
  });
});
