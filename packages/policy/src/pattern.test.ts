import { describe, expect, test } from 'vitest';
import { parsePattern, patternMatches, segmentsOf } from './pattern.ts';

const matches = (text: string, path: string) => {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return patternMatches(parsed.pattern, segmentsOf(path));
};

describe('a path pattern', () => {
  test.each([
    ['/', ['/'], ['/a', '/a/']],
    ['/**', ['/', '/a', '/a/b/'], []],
    ['/admin', ['/admin', '/admin/'], ['/', '/admin/x', '/administrator', '/Admin', '/adm']],
    ['/admin/', ['/admin', '/admin/'], ['/admin/x']],
    ['/admin/**', ['/admin', '/admin/', '/admin/x', '/admin/x/y/'], ['/', '/adminx', '/x/admin']],
    ['/{id}', ['/a', '/a/', '/%C3%A9'], ['/', '/a/b']],
    ['/a/{id}/b/**', ['/a/1/b', '/a/1/b/c'], ['/a/b', '/a/1/c']],
    ['/a:b', ['/a:b', '/a%3Ab'], ['/ab', '/a%253Ab']],
    ['/a%3Ab', ['/a:b', '/a%3Ab'], []],
    ['/%2A%2A', ['/**', '/*%2A'], ['/a']],
  ])('%s', (pattern, inside, outside) => {
    expect(inside.filter((path) => !matches(pattern, path))).toEqual([]);
    expect(outside.filter((path) => matches(pattern, path))).toEqual([]);
  });

  test.each([
    ['', 'must begin with /'],
    ['admin', 'must begin with /'],
    ['/a//b', 'has an empty segment'],
    ['//', 'has an empty segment'],
    ['/**/a', 'has a star inside'],
    ['/*', 'has a star inside'],
    ['/a*', 'has a star inside'],
    ['/a**', 'has a star inside'],
    ['/{}', 'has a brace'],
    ['/{a', 'has a brace'],
    ['/a{b}', 'has a brace'],
    ['/{a b}', 'has a brace'],
    ['/{a}{b}', 'has a brace'],
    ['/.', 'not in canonical form'],
    ['/..', 'no request can have (above_root)'],
    ['/a;b', 'no request can have (matrix_parameter)'],
    ['/a?b', 'no request can have (raw_character)'],
    ['/\u00e9', 'no request can have (raw_character)'],
    ['/%2f', 'no request can have (encoded_separator)'],
    ['/%c3%a9', 'not in canonical form'],
    ['/%61', 'not in canonical form'],
    ['/a.', 'no request can have (ambiguous_tail)'],
    [`/${'a'.repeat(1024)}`, 'longer than 1024'],
  ])('%s is none: %s', (text, problem) => {
    const parsed = parsePattern(text);
    expect(parsed.ok ? '' : parsed.problem).toContain(problem);
  });
});
