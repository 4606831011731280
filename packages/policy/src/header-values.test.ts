import { describe, expect, test } from 'vitest';
import { headerValues } from './header-values.ts';

describe('the values of a header', () => {
  test.each<[readonly string[], readonly string[]]>([
    [[], []],
    [[''], ['']],
    [['a'], ['a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [['a,b'], ['a', 'b']],
    [[' a ,\tb\t'], ['a', 'b']],
    [['a,,b'], ['a', '', 'b']],
    [[','], ['', '']],
    [['a b'], ['a b']],
    [[' \t '], ['']],
    [['"a,b"'], ['"a', 'b"']],
    [['\u00a0a\u2003'], ['\u00a0a\u2003']],
  ])('%j are %j', (lines, expected) => {
    expect(headerValues(lines)).toEqual(expected);
  });

  test('no more of them are read than anybody could mean', () => {
    expect(headerValues([','.repeat(63)])).toHaveLength(64);
    expect(headerValues([','.repeat(64)])).toBeNull();
    expect(headerValues(Array.from({ length: 65 }, () => 'a'))).toBeNull();
  });
});
