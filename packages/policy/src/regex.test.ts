import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRegex } from './regex.ts';

/** What a pattern says of a text. */
function ask(pattern: string, text: string, where: 'whole' | 'anywhere' = 'whole') {
  const parsed = compileRegex(pattern, where);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.regex.test(text);
}

/** Without pairs of surrogates: V8 gets some of those wrong, such as `[^a]$`. */
const characters = ['a', 'b', '/', '-', '\n', 'é', '1', ' '];
const text = fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 });

/** Patterns that mean the same in RE2 and in JavaScript. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ part: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    fc.constantFrom('a', 'b', '/', '-', '.', '\\d', '\\w', '[ab]', '[^a]', '[a-z1]', 'é'),
    fc.constantFrom('^', '$', '\\b', '\\B'),
    tie('part').map((part) => `(?:${part})`),
  ),
  part: fc.oneof(
    { depthSize: 'small' },
    tie('atom'),
    fc.tuple(tie('atom'), tie('atom')).map(([one, other]) => one + other),
    fc.tuple(tie('part'), tie('part')).map(([one, other]) => `${one}|${other}`),
    fc
      .tuple(tie('part'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '*?'))
      .map(([part, count]) => `(?:${part})${count}`),
  ),
})).part;

describe('a regular expression', () => {
  test('must match the whole text, or may match anywhere in it', () => {
    expect(ask('/report-[0-9]+', '/report-12')).toBe(true);
    expect(ask('/report-[0-9]+', '/report-12/x')).toBe(false);
    expect(ask('/report-[0-9]+', '/a/report-12')).toBe(false);
    expect(ask('/report-[0-9]+', '/a/report-12/x', 'anywhere')).toBe(true);
    expect(ask('^/report-[0-9]+$', '/a/report-12', 'anywhere')).toBe(false);
  });

  test('takes nothing for a separator that is not one', () => {
    expect(ask('a.b', 'aXb')).toBe(true);
    expect(ask('a\\.b', 'aXb')).toBe(false);
    expect(ask('corp\\.test', 'evilcorp.test')).toBe(false);
  });

  test('takes a character beyond 16 bits for one', () => {
    for (let round = 0; round < 5000; round += 1) {
      expect(ask('[^a]$', `b${'a'.repeat(round % 5)}😀`, 'anywhere')).toBe(true);
    }
    expect(ask('.', '😀')).toBe(true);
    expect(ask('..', '😀')).toBe(false);
    expect(ask('[😀é]{2}', 'é😀')).toBe(true);
  });

  test('means the same as in JavaScript where the two languages agree', () => {
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        const parsed = compileRegex(source, 'anywhere');
        const whole = compileRegex(source, 'whole');
        fc.pre(parsed.ok && whole.ok);
        expect(parsed.regex.test(subject)).toBe(new RegExp(source, 'u').test(subject));
        const anchored = new RegExp(`^(?:${source})$`, 'u');
        expect(whole.regex.test(subject)).toBe(anchored.test(subject));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['^(a+)+$', 'a'.repeat(65_536)],
    ['(.*)*x', 'a'.repeat(65_536)],
    ['(a?){50}a{50}', 'a'.repeat(65_536)],
    ['[ab]*a[ab]{60}c', 'ab'.repeat(32_768)],
  ])('row 111: %s is not tried on 64 KiB', (source, subject) => {
    expect(ask(source, subject)).toBe(null);
  });

  test.each([
    '^(a+)+$',
    '(.*)*x',
    '(a|a)*b',
    '(a?){50}a{50}',
    '([ab]*a[ab]{14}c|x)*d',
    '(.*a.{30}c|.*b.{20}d)+',
  ])('row 111: %s takes no more steps on the longest text than any other', (source) => {
    const parsed = compileRegex(source, 'anywhere');
    if (!parsed.ok) throw new Error(parsed.problem);
    expect(parsed.regex.stepsFor(65_536)).toBeLessThanOrEqual(65_536);
    // A backtracking engine would not come back from this.
    expect(parsed.regex.test('ab'.repeat(100))).not.toBe(null);
  });

  test.each([
    ['a back reference', '(a)\\1', "is not a regular expression in RE2's syntax"],
    ['a look ahead', '(?=a)b', "is not a regular expression in RE2's syntax"],
    ['a look behind', '(?<=a)b', "is not a regular expression in RE2's syntax"],
    ['an open bracket', '[a', "is not a regular expression in RE2's syntax"],
    ['depth without end', '('.repeat(251) + ')'.repeat(251), 'is too large'],
    ['a pattern of 64 KiB', 'a'.repeat(65_536), 'is longer than 512 characters'],
    ['a count of 1,001', 'a{1001}', 'has counts that are too large'],
    ['many counts', 'a{999}'.repeat(80), 'has counts that are too large'],
    ['counts of counts', '((a{10}){10}){10}', 'is too large'],
    ['many alternatives', '(a|b|c|d|e){90}', 'is too large'],
  ])('%s is refused', (_what, source, problem) => {
    const parsed = compileRegex(source, 'whole');
    expect(parsed.ok ? '' : parsed.problem).toContain(problem);
  });
});
