import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The rows that requests can be tried by; README.md says how each of them is. */
const rows = [
  ...[4, 7, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
  ...[26, 27, 28, 29, 31, 32, 33, 36, 37, 38, 39, 40, 41, 42, 44, 45, 46, 48, 49],
  ...[51, 52, 53, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 72, 73, 74, 75, 76, 77, 78],
  ...[127, 128, 130, 134, 135, 136, 137, 138, 139, 140, 141, 144, 145, 146, 147],
];

const request = join(import.meta.dirname, '..');
const root = join(request, '../../../..');
const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
const table = readme
  .split('\n')
  .filter((line) => /^\| [0-9]/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()));

function sourceOf(path: string): string {
  const file = [join(request, path), join(root, path)].find(existsSync);
  if (file === undefined) throw new Error(`${path} is not there`);
  return readFileSync(file, 'utf8');
}

/** Rows that titles of its tests name, one by one, in lists or in the table of `it.each`. */
function rowsNamedIn(source: string): ReadonlySet<number> {
  const named = new Set<number>();
  for (const [, list = ''] of source.matchAll(/['"`(][^'"`]*?\brows? ([0-9, and]+)/g)) {
    for (const row of list.match(/[0-9]+/g) ?? []) named.add(Number(row));
  }
  if (source.includes('row %d')) {
    for (const [, row] of source.matchAll(/^\s*\[\s*([0-9]+),/gm)) named.add(Number(row));
  }
  return named;
}

const speaksHttp2 = /\.each\(protocols|callOver|of protocols|Http2Client|FrameClient|connectHttp2/;

describe('the table of what is tried', () => {
  it('has each row once, in order', () => {
    expect(table.map(([, row]) => Number(row))).toEqual(rows);
  });

  it.each(table.map(([, row, , http1 = '', http2 = '']) => [row, http1, http2] as const))(
    'says of row %s which tests name it, or why there can be none',
    (row, http1, http2) => {
      for (const cell of [http1, http2]) {
        expect(cell).not.toBe('');
        for (const [, path = ''] of cell.matchAll(/`([^`]+)`/g)) {
          const source = sourceOf(path);
          expect([path, rowsNamedIn(source).has(Number(row))]).toEqual([path, true]);
          expect([path, cell === http1 || speaksHttp2.test(source)]).toEqual([path, true]);
        }
      }
      expect(http1 + http2).toMatch(/\.test\.ts`/);
    },
  );
});
