import { describe, expect, test } from 'vitest';
import { Problems } from '../problems.ts';
import { ConditionPool } from './pool.ts';
import { problemsOf, truthFor } from './testing.ts';

const request = { method: 'GET', host: 'a.test', path: '/' };
const role = [{ name: 'x-role', is: ['admin', 'root'] }];

describe('headers', () => {
  test.each([
    'authorization',
    'cookie',
    'proxy-authorization',
    'sallyport-assertion',
    'sallyport_x',
    'set-cookie2',
    'x-api-key',
    'apikey',
    'x-auth-token',
    'x-amz-security-token',
    'x-csrf-token',
    'x-client-secret',
    'x-password',
    'cf-access-jwt-assertion',
  ])('%s can never be named: facts are recorded', (name) => {
    expect(problemsOf('headers', [{ name, is: ['x'] }])).toMatchObject([
      { field: '/headers/0/name', message: 'must not be a header that proves who somebody is' },
    ]);
  });

  test.each([
    ['an object', { name: 'x-role', is: ['a'] }],
    ['no values', [{ name: 'x-role' }]],
    ['an empty list', [{ name: 'x-role', is: [] }]],
    ['a value in two', [{ name: 'x-role', is: ['a,b'] }]],
    ['a blank value', [{ name: 'x-role', is: [''] }]],
    ['upper case', [{ name: 'X-Role', is: ['a'] }]],
    ['no name', [{ name: '', is: ['a'] }]],
    ['a name with a blank', [{ name: 'x role', is: ['a'] }]],
    ['a name of a pseudo header', [{ name: ':path', is: ['a'] }]],
  ])('%s is refused', (_title, value) => {
    expect(problemsOf('headers', value)).not.toEqual([]);
  });

  test('a set names a bounded number of headers', () => {
    const pool = new ConditionPool(new Set());
    const problems = new Problems();
    const name = (at: number) => [{ name: `x-${at % 65}`, is: ['a'] }];
    const made = Array.from({ length: 66 }, (_, at) =>
      pool.make('headers', name(at), { field: '', problems }, 'allow'),
    );
    expect(pool.headerNames.size).toBe(64);
    expect(made.filter((condition) => condition === null)).toHaveLength(1);
    expect(made[65]).not.toBeNull();
  });

  test.each([
    [['admin'], 'true', 'true'],
    [['admin,root'], 'true', 'true'],
    [['user', 'admin'], 'false', 'true'],
    [['user,admin'], 'false', 'true'],
    [['user'], 'false', 'false'],
    [[''], 'false', 'false'],
    [[], 'false', 'false'],
  ] as const)('row 74: %j is %s to an allow rule and %s to the others', (lines, allow, other) => {
    const facts = { request: { ...request, headers: { 'x-role': lines } } };
    expect(truthFor('headers', role, facts, 'allow')).toBe(allow);
    expect(truthFor('headers', role, facts, 'deny')).toBe(other);
    expect(truthFor('headers', role, facts, 'stepUp')).toBe(other);
  });

  test('the prototype has no headers', () => {
    const facts = { request: { ...request, headers: {} } };
    expect(truthFor('headers', [{ name: 'constructor', is: ['x'] }], facts)).toBe('false');
    expect(truthFor('headers', [{ name: '__proto__', is: ['x'] }], facts, 'deny')).toBe('false');
  });

  test('more values than anybody could mean are unknown', () => {
    const line = Array.from({ length: 64 }, () => 'admin').join(',');
    const with64 = { request: { ...request, headers: { 'x-role': [line] } } };
    const with65 = { request: { ...request, headers: { 'x-role': [line, 'admin'] } } };
    expect(truthFor('headers', role, with64)).toBe('true');
    expect(truthFor('headers', role, with65)).toBe('unknown');
    expect(truthFor('headers', role, with65, 'deny')).toBe('unknown');
  });

  test('facts without any are unknown', () => {
    const facts = { request: request as typeof request & { headers: Record<string, string[]> } };
    expect(truthFor('headers', role, facts, 'deny')).toBe('unknown');
  });
});
