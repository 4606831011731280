import { canonicalPath, isCanonicalPath } from '@sallyport/policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewritePath } from './rewrite-path.ts';

const rewrite = (path: string, stripPrefix = '', addPrefix = '') =>
  rewritePath(path, { stripPrefix, addPrefix });

describe('the path for an upstream (row 63)', () => {
  it.each([
    ['/app/a/b', '/app', '', '/a/b'],
    ['/app/', '/app', '', '/'],
    ['/app', '/app', '', '/'],
    ['/app', '/app', '/v2', '/v2'],
    ['/app/a', '/app', '/v2', '/v2/a'],
    ['/a', '', '/v2/x', '/v2/x/a'],
    ['/', '', '/v2', '/v2/'],
    ['/app/app/a', '/app', '', '/app/a'],
    ['/app/%2E%2E%25', '/app', '', null],
    ['/application', '/app', '', null],
    ['/APP/a', '/app', '', null],
    ['/', '/app', '', null],
    [`/app/${'a'.repeat(8_180)}`, '/app', '/long/prefix', null],
  ])('of %j without %j, with %j, is %j', (path, strip, add, wanted) => {
    expect(rewrite(path, strip, add)).toBe(wanted);
  });

  it('is canonical and below the prefix, or there is none', () => {
    const segment = fc.string({
      unit: fc.constantFrom(...'a b . % 2 f E e 5 c C 0 ; : ~ $ \\ é'.split(' ')),
      maxLength: 8,
    });
    const path = fc.array(segment, { maxLength: 5 }).map((all) => `/${all.join('/')}`);
    const prefix = path.filter((text) => isCanonicalPath(text) && !text.endsWith('/'));
    const none = fc.constant('');
    fc.assert(
      fc.property(path, fc.oneof(none, prefix), fc.oneof(none, prefix), (raw, strip, add) => {
        const before = canonicalPath(strip + raw);
        if (!before.ok) return;
        const after = rewrite(before.path, strip, add);
        if (after === null) return;
        expect(isCanonicalPath(after)).toBe(true);
        expect(after.startsWith(add)).toBe(true);
        // What is left is what was decided on, segment by segment.
        expect(`${strip}${after.slice(add.length)}`.replace(/\/$/, '')).toBe(
          before.path.replace(/\/$/, ''),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});
