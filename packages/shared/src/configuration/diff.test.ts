import { describe, expect, it } from 'vitest';
import { documentDiffs, documentText } from './diff.ts';
import { apiVersion, type PolicyDocument } from './documents.ts';

const policy = (name: string, groups: string[], more = {}): PolicyDocument => ({
  apiVersion,
  kind: 'Policy',
  metadata: { name, ...more },
  spec: { allow: [{ name: 'staff', groups }] },
});

describe('the difference of two sets', () => {
  it('is a unified diff of each document that differs, by kind and name', () => {
    const before = [policy('b', ['staff']), policy('same', ['x']), policy('gone', ['y'])];
    const after = [policy('a', ['new']), policy('b', ['staff', 'guests']), policy('same', ['x'])];
    const diffs = documentDiffs(before, after);
    expect(diffs.map(({ name, change }) => [name, change])).toEqual([
      ['a', 'created'],
      ['b', 'updated'],
      ['gone', 'deleted'],
    ]);
    const [created, updated, deleted] = diffs;
    expect(updated?.diff).toBe(
      [
        '--- a/Policy/b',
        '+++ b/Policy/b',
        '@@ -6,4 +6,5 @@',
        '   allow:',
        '     - groups:',
        '         - staff',
        '+        - guests',
        '       name: staff',
        '',
      ].join('\n'),
    );
    expect(created?.diff).toMatch(/^--- \/dev\/null\n\+\+\+ b\/Policy\/a\n@@ -0,0 \+1,\d+ @@\n\+/);
    expect(deleted?.diff).toMatch(
      /^--- a\/Policy\/gone\n\+\+\+ \/dev\/null\n@@ -1,\d+ \+0,0 @@\n-/,
    );
  });

  it('does not depend on the order in which members were written', () => {
    const one = policy('a', ['staff']);
    const { apiVersion: version, kind, metadata, spec } = one;
    const other: PolicyDocument = { spec, metadata, kind, apiVersion: version };
    expect(documentDiffs([one], [other])).toEqual([]);
    expect(documentText(one)).toBe(documentText(other));
  });

  it('of documents that have next to nothing in common is found in bounded time', () => {
    const groups = (prefix: string) => Array.from({ length: 3_000 }, (_, at) => `${prefix}-${at}`);
    const [only] = documentDiffs([policy('a', groups('old'))], [policy('a', groups('new'))]);
    const lines = only?.diff.split('\n') ?? [];
    expect(lines[2]).toMatch(/^@@ -1,\d+ \+1,\d+ @@$/);
    expect(lines.filter((line) => line.startsWith('-  ')).length).toBeGreaterThan(3_000);
    expect(lines.filter((line) => line.startsWith('+  ')).length).toBeGreaterThan(3_000);
  });
});
