import { describe, expect, test } from 'vitest';
import { canonicalPath, isCanonicalPath, pathLengthMax } from './canonical-path.ts';

const path = (raw: string) => {
  const canonical = canonicalPath(raw);
  return canonical.ok ? canonical.path : `refused: ${canonical.problem}`;
};

describe('the canonical path', () => {
  test.each([
    ['/', '/'],
    ['/a', '/a'],
    ['/a/', '/a/'],
    ['/a.b/c..d/.well-known/~x', '/a.b/c..d/.well-known/~x'],
    ["/!$&'()*+,=:@", "/!$&'()*+,=:@"],
    ['/%41%2D%2e%5f%7E', '/A-._~'],
    ['/%c3%a9/%e2%82%ac/%F0%9F%94%91', '/%C3%A9/%E2%82%AC/%F0%9F%94%91'],
    ['/%20a%21%3a%40%3d', '/%20a%21%3A%40%3D'],
    ['/"<>[]^`{|}', '/%22%3C%3E%5B%5D%5E%60%7B%7C%7D'],
    ['/%22%3c%5b', '/%22%3C%5B'],
    ['/a/./b/../c', '/a/c'],
    ['/a/b/..', '/a/'],
    ['/a/b/.', '/a/b/'],
    ['/a/..', '/'],
    ['/a/%2E%2E/%2e/b', '/b'],
    ['/100%25', '/100%25'],
    ['/%25zz', '/%25zz'],
  ])('%s becomes %s', (raw, canonical) => {
    expect(path(raw)).toBe(canonical);
    expect(isCanonicalPath(raw)).toBe(raw === canonical);
  });

  test.each([
    ['', 'not_absolute'],
    ['a', 'not_absolute'],
    ['*', 'not_absolute'],
    ['https://a.test/', 'not_absolute'],
    ['//a', 'empty_segment'],
    ['/a//b', 'empty_segment'],
    ['/a/..//b', 'empty_segment'],
    ['/a//', 'empty_segment'],
    ['/..', 'above_root'],
    ['/a/../../a', 'above_root'],
    ['/%2e%2E/', 'above_root'],
    ['/a?b', 'raw_character'],
    ['/a#b', 'raw_character'],
    ['/a b', 'raw_character'],
    ['/a\tb', 'raw_character'],
    ['/a\u007fb', 'raw_character'],
    ['/a\\b', 'raw_character'],
    ['/\u00e9', 'raw_character'],
    ['/\u{1f511}', 'raw_character'],
    ['/a;b', 'matrix_parameter'],
    ['/a%3Bb', 'matrix_parameter'],
    ['/%2f', 'encoded_separator'],
    ['/%5c', 'encoded_separator'],
    ['/%', 'broken_escape'],
    ['/%4', 'broken_escape'],
    ['/%g1', 'broken_escape'],
    ['/%u0041', 'broken_escape'],
    ['/%1f', 'control_character'],
    ['/%7F', 'control_character'],
    ['/%c2%85', 'control_character'],
    ['/%80', 'invalid_utf8'],
    ['/%c3', 'invalid_utf8'],
    ['/%c3/%a9', 'invalid_utf8'],
    ['/%e0%80%af', 'invalid_utf8'],
    ['/%f4%90%80%80', 'invalid_utf8'],
    ['/%c3%A', 'invalid_utf8'],
    ['/%252f', 'double_encoding'],
    ['/%25%34%31', 'double_encoding'],
    ['/%2541', 'double_encoding'],
    ['/%25u002e', 'double_encoding'],
    ['/a.', 'ambiguous_tail'],
    ['/a./b', 'ambiguous_tail'],
    ['/...', 'ambiguous_tail'],
    ['/a%2e/', 'ambiguous_tail'],
    ['/a%20/b', 'ambiguous_tail'],
    ['/a./../b', 'ambiguous_tail'],
    ['/a::$DATA', 'ambiguous_tail'],
    ['/a:%3a%24INDEX_ALLOCATION', 'ambiguous_tail'],
  ])('%s is refused: %s', (raw, problem) => {
    expect(path(raw)).toBe(`refused: ${problem}`);
    expect(isCanonicalPath(raw)).toBe(false);
  });

  test('is bounded, before and after', () => {
    const longest = `/${'a'.repeat(pathLengthMax - 1)}`;
    expect(path(longest)).toBe(longest);
    expect(path(`${longest}a`)).toBe('refused: too_long');
    expect(path(`/${'['.repeat(pathLengthMax - 1)}`)).toBe('refused: too_long');
  });

  test('resolves and decodes as much as fits', () => {
    expect(path(`/${'a/../'.repeat(1600)}`)).toBe('/');
    expect(path(`/${'%25'.repeat(2700)}2`)).toBe(`/${'%25'.repeat(2700)}2`);
    expect(path(`/${'%25'.repeat(2700)}2e`)).toBe('refused: double_encoding');
  });
});
