import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { printable, printableJson } from './printable.ts';
import { fields, table } from './table.ts';
import { printableYaml } from './yaml.ts';

const hostile = 'a\u001b[31mb\u0007\r\n\u007f\u009b2J\u202e\u2066c\u200f\u061c\ufeff\u2028"\'\\: #';

describe('what is written to a terminal', () => {
  it('holds no character that a terminal acts on, in whatever form', () => {
    const value = { [hostile]: [hostile, 'plain'] };
    for (const text of [printable(hostile), printableJson(value), printableYaml(value)]) {
      expect(text).not.toMatch(
        /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/,
      );
    }
    expect(printable(hostile)).not.toContain('\n');
  });

  it('reads back the same from JSON and YAML', () => {
    const value = { [hostile]: [hostile, 'plain', 1, null] };
    expect(JSON.parse(printableJson(value, 2))).toEqual(value);
    expect(parse(printableYaml(value))).toEqual(value);
    expect(parse(printableYaml({ plain: 'text' }))).toEqual({ plain: 'text' });
  });

  it('keeps a table in its lines and columns', () => {
    const columns = [
      { heading: 'A', cell: (row: string) => row },
      { heading: 'B', cell: () => 'x' },
    ];
    const lines = table(columns, [hostile, '', 'é'.repeat(100)])
      .trimEnd()
      .split('\n');
    expect(lines.length).toBe(4);
    const ends = lines.map((line) => [...line].length);
    expect(new Set(ends).size).toBe(1);
    expect(lines[2]?.startsWith('-  ')).toBe(true);
    expect(lines[3]).toContain(`${'é'.repeat(79)}…`);
    expect(table(columns, [])).toBe('none\n');
  });

  it('leaves out fields that are empty', () => {
    expect(
      fields([
        ['name', 'a\nb'],
        ['none', ''],
      ]),
    ).toBe('name  a\\u000ab\n');
  });
});
